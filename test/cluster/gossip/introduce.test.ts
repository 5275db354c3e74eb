import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { observeAgreement } from "../../../lib/cluster/gossip/agreement.ts";
import { awaitAgreement } from "../../../lib/cluster/gossip/await-agreement.ts";
import { handshakes, INTRODUCE_AGAIN_MS, introduce, introductions } from "../../../lib/cluster/gossip/introduce.ts";
import type { LiveNode } from "../../../lib/cluster/model/topology.ts";
import { callTimeout, connectionLost } from "../../../lib/redis/errors.ts";
import type { InstanceAccess } from "../../../lib/redis/types.ts";
import { Lab, NODE_TIMEOUT } from "../support.ts";

const nodesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `m${index}:6379`, nodeId: `${index}`, view: [] }) as unknown as LiveNode);

/** Of each pair of nodes, by those that know nobody. */
const allGaps = (nodes: readonly LiveNode[]) => nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => ({ from, to })));

describe("who is to meet whom", () => {
  test("each pair of a few, once", () => {
    const nodes = nodesOf(6);
    const met = handshakes(allGaps(nodes), nodes).map(({ from, to }) => [from.id, to.id].sort().join(" "));
    expect(met).toHaveLength(15);
    expect(new Set(met).size).toBe(15);
  });

  test.each([24, 60, 200])("n log n of %i, nobody calling more than log n, and all within log n calls of each other", (count) => {
    const nodes = nodesOf(count);
    const met = handshakes(allGaps(nodes), nodes);
    const turns = Math.ceil(Math.log2(count));
    expect(met.length).toBeLessThanOrEqual(count * turns);
    const called = new Map(nodes.map((node) => [node, met.filter(({ from }) => from === node).map(({ to }) => to)]));
    for (const others of called.values()) expect(others.length).toBeLessThanOrEqual(turns);
    let reached = new Set(nodes.slice(0, 1));
    for (let turn = 0; turn < turns; turn += 1) reached = new Set([...reached].flatMap((node) => [node, ...(called.get(node) ?? [])]));
    expect(reached.size).toBe(count);
  });

  test("one that joins many meets some of them, as these tell it of the others", () => {
    const nodes = nodesOf(200);
    const [newcomer, ...others] = nodes;
    if (newcomer === undefined) throw new Error("no node");
    const gaps = others.flatMap((other) => [
      { from: newcomer, to: other },
      { from: other, to: newcomer },
    ]);
    expect(handshakes(gaps, nodes).length).toBeLessThanOrEqual(200);
  });
});

test("a MEET whose answer does not come in time ends nothing, as the next introduction gives it again; a lost connection does", async () => {
  const nodes = nodesOf(2).map((node, index) => ({ ...node, member: { address: "127.0.0.1", port: index }, self: { busPort: 0 } }));
  const all = nodes as unknown as LiveNode[];
  const asked: string[] = [];
  const failing = (error: Error) =>
    ({
      client: async (id: string) => ({
        callAll: async () => {
          asked.push(id);
          throw error;
        },
      }),
    }) as unknown as InstanceAccess;
  const seen = { nodes: all, gaps: allGaps(all), stale: [] };
  await introductions(failing(callTimeout("127.0.0.1:1", "CLUSTER MEET", 5000)))(seen);
  expect(asked).toHaveLength(1);
  const lost = introductions(failing(connectionLost("127.0.0.1:1", "CLUSTER MEET", "the other side closed it")));
  await expect(lost(seen)).rejects.toMatchObject({ code: "redis.connection-lost" });
});

describe("looks that come one after the other", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
  afterEach(() => void vi.useRealTimers());

  /** Nodes at addresses, and how many of their MEETs were given in each of some looks, the same or others, 300 ms apart. */
  const placed = (count: number) =>
    nodesOf(count).map((node, index) => ({
      ...node,
      member: { address: "127.0.0.1", port: index },
      self: { busPort: 0, role: "master", configEpoch: 1, slots: [] },
    })) as unknown as LiveNode[];
  const given = async (looks: readonly Parameters<ReturnType<typeof introductions>>[0][], late: readonly string[] = []) => {
    let meets = 0;
    const client = async (id: string) => ({
      callAll: async (commands: readonly unknown[]) => {
        meets += commands.length;
        if (late.includes(id)) throw callTimeout("127.0.0.1:1", "CLUSTER MEET", 5000);
        return commands.map(() => "OK");
      },
    });
    const look = introductions({ client } as unknown as InstanceAccess);
    const counts: number[] = [];
    for (const seen of looks) {
      meets = 0;
      await look(seen);
      counts.push(meets);
      vi.advanceTimersByTime(INTRODUCE_AGAIN_MS);
    }
    return counts;
  };

  test("two that were introduced are left to it for as long as a handshake may take, whichever lacks the other then", async () => {
    const nodes = placed(24);
    const seen = { nodes, gaps: allGaps(nodes), stale: [] };
    const counts = await given([seen, seen, seen, seen, seen, seen, seen, seen]);
    expect(counts).toEqual([counts[0], 0, 0, 0, 0, 0, 0, counts[0]]);
    expect(counts[0]).toBe(handshakes(seen.gaps, nodes).length);
    const [a, b] = placed(2) as [LiveNode, LiveNode];
    const half = (from: LiveNode, to: LiveNode) => ({ nodes: [a, b], gaps: [{ from, to }], stale: [] });
    expect(await given([half(a, b), half(b, a)])).toEqual([1, 0]);
  });

  test("one that has another id meanwhile, and one whose MEETs were not answered, are introduced at once", async () => {
    const [a, b] = placed(2) as [LiveNode, LiveNode];
    const renewed = { ...b, nodeId: "new" };
    const seen = { nodes: [a, b], gaps: [{ from: a, to: b }], stale: [] };
    expect(await given([seen, { nodes: [a, renewed], gaps: [{ from: a, to: renewed }], stale: [] }])).toEqual([1, 1]);
    expect(await given([seen, seen], [a.id])).toEqual([1, 1]);
  });

  test("what a node told is told again at once where it changed", async () => {
    const [a, b] = placed(2) as [LiveNode, LiveNode];
    const stale = (to: LiveNode) => ({ nodes: [a, b], gaps: [], stale: [{ from: a, to, what: "config epoch" as const }] });
    expect(await given([stale(b), stale(b), stale({ ...b, self: { ...b.self, configEpoch: 2 } })])).toEqual([1, 0, 1]);
  });
});

describe("with servers", () => {
  const COUNT = 24;
  let lab: Lab;
  beforeAll(async () => {
    const names = Array.from({ length: COUNT }, (_, index) => `m${index + 1}`);
    // Gossip among many takes half of the node timeout.
    lab = await Lab.start(names, {}, NODE_TIMEOUT);
  });
  afterAll(() => lab.stop());

  test("nodes that know nobody know all, after one introduction with fewer MEETs than there are pairs", async () => {
    let meets = 0;
    const access: InstanceAccess = {
      ...lab.access,
      client: async (id) => {
        const client = await lab.access.client(id);
        return Object.assign(Object.create(client) as typeof client, {
          call: client.call.bind(client),
          callAll: (...words: Parameters<typeof client.callAll>) => {
            meets += words[0].filter(([first, second]) => first === "CLUSTER" && second === "MEET").length;
            return client.callAll(...words);
          },
        });
      },
    };
    await introduce(await observeAgreement([...lab.servers.keys()], lab.members, access), access);
    expect(meets).toBeGreaterThan(COUNT - 2);
    expect(meets).toBeLessThan((COUNT * (COUNT - 1)) / 2);
    // The rest is gossip, in as much time as the computer takes for it.
    expect(await awaitAgreement(lab.members, lab.access, { everybody: true, passive: true, timeoutMs: 60_000 })).toBeUndefined();
  });
});
