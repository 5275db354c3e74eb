import { describe, expect, test } from "vitest";
import { refusedMasters } from "../../../lib/cluster/apply/fix.ts";
import { rescuesOf } from "../../../lib/cluster/apply/rescue.ts";
import { lostAdvice, lostMasters, lostText } from "../../../lib/cluster/findings/lost-masters.ts";
import { obstacles } from "../../../lib/cluster/findings/ready-cluster.ts";
import { clusterOf, readTopology } from "../../../lib/cluster/model/topology.ts";
import { draw, idOf } from "../drawn.ts";

const lostIn = (...lines: readonly string[]) => {
  const { topology, cluster } = draw(lines);
  return lostMasters(topology, cluster);
};

test("masters that give no answer and own slots are lost; those without slots and replicas are not", () => {
  const lost = lostIn("m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "m4 0 down", "r1 of m1 down");
  expect(lost.map(({ name, why, heirs }) => [name, why, heirs.length])).toEqual([["m2:6379", "silent", 0]]);
  expect(lost.map(lostText)).toEqual(["m2:6379 owns 5462 slots (5461-10922) and gives no answer; no replica of it answers."]);
  expect(lost.map(lostAdvice)[0]).toMatch(/^Bring a replica of it up .*--give-away-empty/);
});

test("one that was replaced already has no slots to lose", () => {
  expect(lostIn("m1 1 0-5460", "m2 2 - down", "m3 3 10923-16383", "r2 4 5461-10922")).toEqual([]);
});

test("a replica that answers may take over, and is named with the command", () => {
  const lost = lostIn("m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "r2 of m2", "keys r2 6000:7");
  expect(lost.map(({ heirs }) => heirs.map(({ id }) => id))).toEqual([["r2:6379"]]);
  expect(lost.map(lostText)).toEqual(["m2:6379 owns 5462 slots (5461-10922) and gives no answer; r2:6379 replicates it, with 7 keys."]);
  expect(lost.map(lostAdvice)).toEqual([
    "`redis-lab cluster fix LAB` lets r2:6379 take over (as `redis-lab cluster failover LAB r2:6379 --takeover` does).",
  ]);
});

test("of several the one with the most of the stream is first", () => {
  const { topology, cluster } = draw(["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "r2 of m2", "r2b of m2"]);
  const live = cluster.live.map((node) => ({ ...node, offset: node.id === "r2b:6379" ? 900 : 800 }));
  expect(lostMasters(topology, { ...cluster, live })[0]?.heirs.map(({ id }) => id)).toEqual(["r2b:6379", "r2:6379"]);
});

const DOWN = ["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "r2 of m2"];

test("a master that no majority takes for failed may be at work beyond a partition: a person decides", () => {
  const lost = lostIn("m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383 down", "r2 of m2", "keys r2 6000:7");
  expect(lost.map(({ name, why, heirs }) => [name, why, heirs.length])).toEqual([
    ["m2:6379", "silent", 1],
    ["m3:6379", "silent", 0],
  ]);
  expect(lost.map(({ doubt }) => doubt)).toEqual([expect.stringMatching(/^1 of the 3 masters with slots answers/), undefined]);
  expect(rescuesOf(lost)).toEqual([]);
  expect(rescuesOf(lost, true).map(({ heir }) => heir.id)).toEqual(["r2:6379"]);
  expect(lost.map(lostAdvice)[0]).toMatch(/^`redis-lab cluster failover LAB r2:6379 --takeover` lets it take over, once you know/);
});

test("a master that is only suspected, or silent for less than a node timeout, is not rescued", () => {
  const { topology, cluster } = draw(DOWN);
  const live = cluster.live.map((node) => ({
    ...node,
    view: node.view.map((line) => (line.flags.has("fail") ? { ...line, flags: new Set(["master", "fail?"]) } : line)),
  }));
  const lost = lostMasters(topology, { ...cluster, live });
  expect(lost.map(({ why, doubt }) => [why, doubt?.slice(0, 29)])).toEqual([["silent", "0 of the 3 masters with slots"]]);
  expect(rescuesOf(lost)).toEqual([]);
  expect(rescuesOf(lostIn(...DOWN))).toHaveLength(1);
});

test("a replica that never got the keys can't take over, and what is lost is said", () => {
  const { topology, cluster } = draw(DOWN);
  const live = cluster.live.map((node) => ({ ...node, offset: 0 }));
  const lost = lostMasters(topology, { ...cluster, live });
  expect(lost.map(({ heirs, unsynced }) => [heirs.length, unsynced.map(({ id }) => id)])).toEqual([[0, ["r2:6379"]]]);
  expect(lost.map(lostText)).toEqual([
    "m2:6379 owns 5462 slots (5461-10922) and gives no answer; r2:6379 replicates it and never got its keys.",
  ]);
});

test("offsets in two streams can't be compared: a person chooses the replica", () => {
  const { topology, cluster } = draw([...DOWN, "r2b of m2"]);
  const live = cluster.live.map((node) => (node.id === "r2b:6379" ? { ...node, streamId: "another" } : node));
  const lost = lostMasters(topology, { ...cluster, live });
  expect(rescuesOf(lost)).toEqual([]);
  expect(lost.map(lostAdvice)[0]).toMatch(/LAB r2:6379 --takeover` or `redis-lab cluster failover LAB r2b:6379 --takeover`/);
});

describe("an identity that is gone", () => {
  /** m2 answers under a new node id: `m2` is drawn alone, and the old one is a line without an address. */
  const withoutIdentity = (knows = false) => {
    const { members, topology } = draw([...DOWN, "keys r2 6000:7"]);
    const nodes = new Map(topology.observation.nodes);
    for (const [id, node] of nodes) {
      if (!node.reachable) continue;
      const view = node.view.map((line) =>
        line.id === idOf("m2") ? { ...line, address: "", port: 0, flags: new Set(["master", "noaddr"]) } : line,
      );
      nodes.set(id, { ...node, view });
    }
    const r2 = nodes.get("r2:6379");
    if (r2?.reachable !== true) throw new Error("r2 answers");
    const own = {
      ...r2.view[0]!,
      id: "f".repeat(40),
      address: "10.0.0.2",
      flags: new Set(["myself", "master"]),
      myself: true,
      role: "master",
    } as const;
    const others = knows ? [{ ...own, id: "e".repeat(40), address: "10.0.0.9", flags: new Set(["master"]), myself: false, slots: [] }] : [];
    nodes.set("m2:6379", {
      ...r2,
      id: "m2:6379",
      nodeId: own.id,
      role: "master",
      keys: 3,
      view: [{ ...own, slots: [], masterId: undefined }, ...others],
    });
    return { members, nodes };
  };
  const lostOf = ({ members, nodes }: ReturnType<typeof withoutIdentity>) => {
    const topology = readTopology({ nodes }, members);
    return lostMasters(topology, clusterOf(topology));
  };

  test("is rescued without a majority, and what stands there is the newcomer", () => {
    const lost = lostOf(withoutIdentity());
    expect(lost.map(({ why, newcomer, doubt }) => [why, newcomer?.id, doubt])).toEqual([["identity", "m2:6379", undefined]]);
    expect(rescuesOf(lost)).toHaveLength(1);
  });

  test("what stands there is left alone where it belongs to another cluster", () => {
    expect(lostOf(withoutIdentity(true)).map(({ newcomer }) => newcomer)).toEqual([undefined]);
  });

  test("of an empty replica and a newcomer with keys, the replica does not take over", () => {
    const drawn = withoutIdentity();
    const r2 = drawn.nodes.get("r2:6379");
    if (r2?.reachable === true) drawn.nodes.set("r2:6379", { ...r2, keys: 0 });
    expect(lostOf(drawn).map(({ heirs, unsynced }) => [heirs.length, unsynced.length])).toEqual([[0, 1]]);
  });

  test("is at work where another node still has a link to it", () => {
    const drawn = withoutIdentity();
    const m3 = drawn.nodes.get("m3:6379");
    if (m3?.reachable === true)
      drawn.nodes.set("m3:6379", {
        ...m3,
        view: m3.view.map((line) =>
          line.id === idOf("m2")
            ? { ...line, address: "10.0.0.2", port: 6379, flags: new Set(["master"]), linkState: "connected" as const }
            : line,
        ),
      });
    expect(lostOf(drawn).map(({ why, heirs }) => [why, heirs.length])).toEqual([["elsewhere", 0]]);
  });
});

test("slots of a master that the cluster is in touch with are never given away", () => {
  const [lost] = lostIn(...DOWN);
  const hopeless = (mayBeGivenAway: boolean) => ({ lost: lost!, text: "", next: "", mayBeGivenAway });
  expect(refusedMasters([hopeless(true), hopeless(false)], true)).toHaveLength(1);
  expect(refusedMasters([hopeless(true), hopeless(false)], false)).toHaveLength(2);
});

test("one that a replica is in touch with is alive, and only we can't reach it", () => {
  const { topology, cluster } = draw(["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "r2 of m2"]);
  const live = cluster.live.map((node) => (node.id === "r2:6379" ? { ...node, masterLink: "up" as const } : node));
  const lost = lostMasters(topology, { ...cluster, live });
  expect(lost.map(({ why, heirs }) => [why, heirs])).toEqual([["elsewhere", []]]);
  expect(lost.map(lostAdvice)).toEqual(["Look why m2:6379 can't be reached from here: `redis-lab doctor LAB`."]);
  // A rebalance of the two others would count their slots as all there are.
  expect(obstacles({ topology, cluster: { ...cluster, live }, members: [] }).map(({ code, text }) => [code, text])).toEqual([
    ["unreachable", "m2:6379 owns 5462 slots (5461-10922) and gives no answer to us, while the cluster is in touch with it."],
  ]);
});
