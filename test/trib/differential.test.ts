import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CALLS_FROM_OWN_ADDRESS, HAS_REDIS_CLI_CLUSTER, Lab, PASSWORD } from "../cluster/support.ts";
import { tryRun } from "../support/command.ts";
import { randomFrom } from "../support/random.ts";
import { redisBin } from "../support/redis.ts";
import { at, create, idOf, removeFolders, shape, trib } from "./support.ts";

// Plans of ours beside those of `redis-cli --cluster`, on the same servers: both programs stop at their question, or simulate. The redis-cli is that of the Redis under test.

const NAMES = ["m1", "m2", "m3", "m4", "m5", "m6", "m7"] as const;
let lab: Lab;

beforeAll(async () => {
  const config = CALLS_FROM_OWN_ADDRESS ? "cluster-allow-replica-migration no" : "";
  lab = await Lab.start(NAMES, Object.fromEntries(NAMES.map((name) => [name, config])));
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

/** What `redis-cli --cluster` says when its question is answered with no. */
async function theirs(...words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await tryRun(join(redisBin(), "redis-cli"), ["--no-auth-warning", "--cluster", ...words], {
    env: { ...process.env, REDISCLI_AUTH: PASSWORD },
    input: "no\n",
  });
  return stripVTControlCharacters(stdout + stderr);
}

async function ours(...words: readonly string[]): Promise<string> {
  return (await trib(words, { answers: ["no"] })).out;
}

/** Each master's slots, and whom each replica follows. */
function allocation(out: string): readonly string[] {
  return [...out.matchAll(/^(M|S): (\S+) \S+\n\s+(?:slots:\[?([\d,-]+)\]?|replicates (\S+))/gm)]
    .map(([, role, id, slots, master]) => `${role} ${id} ${slots ?? master}`)
    .sort();
}

/** Slots in the order in which they would be moved, with their source. */
function moves(out: string): readonly string[] {
  return [...out.matchAll(/^\s+Moving slot (\d+) from (\S+)$/gm)].map(([, slot, source]) => `${slot} ${source}`);
}

/** How many slots go from whom to whom. */
function pairs(out: string): readonly { readonly pair: string; readonly count: number }[] {
  return [...out.matchAll(/^Moving (\d+) slots from (\S+ to \S+)$/gm)].map(([, count, pair = ""]) => ({ pair, count: Number(count) }));
}

describe.runIf(HAS_REDIS_CLI_CLUSTER)("create", () => {
  for (const [nodes, replicas] of [
    [3, 0],
    [5, 0],
    [6, 1],
    [7, 0],
    [7, 1],
  ] as const)
    test(`${nodes} nodes with ${replicas} replicas each`, async () => {
      const addresses = NAMES.slice(0, nodes).map((name) => at(lab, name));
      const wanted = allocation(await theirs("create", ...addresses, "--cluster-replicas", String(replicas)));
      expect(wanted).toHaveLength(nodes);
      expect(allocation(await ours("create", "--replicas", String(replicas), ...addresses))).toEqual(wanted);
    });
});

describe.runIf(HAS_REDIS_CLI_CLUSTER)("a cluster of five masters with uneven parts, and two without slots", () => {
  beforeAll(async () => {
    await create(lab, NAMES.slice(0, 5));
    for (const name of NAMES.slice(5)) expect((await trib(["add-node", at(lab, name), at(lab, "m1")])).code).toBe(0);
    await shape(lab, { m1: "0-6000", m2: "6001-6100,9000-9001", m3: "6101-8999", m4: "9002-16000", m5: "16001-16383" });
  });

  test("reshard from some, and from all", async () => {
    const ids = await Promise.all(NAMES.map((name) => idOf(lab, name)));
    const random = randomFrom(7);
    for (let round = 0; round < 12; round += 1) {
      const target = ids[round % ids.length] ?? "";
      const sources = ids.filter((id) => id !== target && random() < 0.5);
      const from = round % 3 === 0 || sources.length === 0 ? "all" : sources.join(",");
      const slots = String(1 + Math.floor(random() * 300));
      const wanted = moves(
        await theirs("reshard", at(lab, "m1"), "--cluster-from", from, "--cluster-to", target, "--cluster-slots", slots),
      );
      expect(moves(await ours("reshard", "--from", from, "--to", target, "--slots", slots, at(lab, "m1")))).toEqual(wanted);
    }
  });

  test("rebalance, with weights, thresholds and empty masters", async () => {
    const [id1, id2, , id4] = await Promise.all(NAMES.map((name) => idOf(lab, name)));
    const cases: readonly (readonly [theirs: readonly string[], ours: readonly string[]])[] = [
      [[], []],
      [["--cluster-use-empty-masters"], ["--use-empty-masters"]],
      [
        ["--cluster-threshold", "60"],
        ["--threshold", "60"],
      ],
      [
        ["--cluster-weight", `${id1}=2`, `${id4}=0.5`],
        ["--weight", `${id1}=2`, "--weight", `${id4}=0.5`],
      ],
      [
        ["--cluster-weight", `${id2}=0`],
        ["--weight", `${id2}=0`],
      ],
    ];
    for (const [words, same] of cases) {
      const wanted = pairs(await theirs("rebalance", at(lab, "m1"), "--cluster-simulate", ...words));
      const planned = pairs(await ours("rebalance", "--simulate", ...same, at(lab, "m1")));
      expect(planned.map(({ pair }) => pair)).toEqual(wanted.map(({ pair }) => pair));
      // What does not divide evenly goes one by one to those with too few, there, even twice to the same one; here nobody gets more than one slot beyond its share.
      for (const [index, { count }] of planned.entries()) expect(Math.abs(count - (wanted[index]?.count ?? 0))).toBeLessThanOrEqual(2);
    }
  });
});
