import { clusterOf, readTopology } from "../../lib/cluster/model/topology.ts";
import type { ClusterMember, NodeObservation } from "../../lib/cluster/model/types.ts";
import type { ClusterView } from "../../lib/cluster/model/view.ts";
import type { KeyCounts } from "../../lib/cluster/plan/fix.ts";
import { parseClusterNodes } from "../../lib/redis/cluster-nodes.ts";
import { redisVersion } from "../support/versions.ts";
import { memberOf } from "./support.ts";

/** A cluster as a few lines of text draw it. */
export interface Drawn extends ClusterView {
  readonly counts: KeyCounts;
}

interface Line {
  readonly name: string;
  readonly epoch: number;
  readonly words: readonly string[];
  readonly master: string | undefined;
  readonly up: boolean;
  readonly alone: boolean;
}

/**
 * Reads lines such as
 *
 *     m1 1 0-5460 [13->m2]      a master: epoch, slots, open slots, as itself says it
 *     r1 of m1                  its replica
 *     m3 3 10923-16383 down     one that gives no answer
 *     s1 alone                  one that knows nobody
 *     keys m1 13:2 14:1         keys in slots
 *     m2 sees m1 0-12           what another one believes of m1 instead
 *
 * Names are those of `memberOf`; the id of the node `m1` is m1m1m1….
 */
export function draw(text: readonly string[]): Drawn {
  const lines: Line[] = [];
  const beliefs = new Map<string, readonly string[]>();
  const counts = new Map<string, Map<number, number>>();
  for (const line of text) {
    const words = line.trim().split(/\s+/);
    const [name = "", second = "", third = ""] = words;
    if (name === "keys")
      counts.set(`${second}:6379`, new Map(words.slice(2).map((word) => word.split(":").map(Number) as [number, number])));
    else if (second === "sees") beliefs.set(`${name} ${third}`, words.slice(3));
    else if (second === "of") lines.push({ name, epoch: 0, words: [], master: third, up: !words.includes("down"), alone: false });
    else if (second === "alone") lines.push({ name, epoch: 0, words: [], master: undefined, up: true, alone: true });
    else
      lines.push({
        name,
        epoch: Number(second),
        words: words.slice(2).filter((word) => word !== "down" && word !== "-"),
        master: undefined,
        up: !words.includes("down"),
        alone: false,
      });
  }
  const members = lines.map(({ name }, index): ClusterMember => memberOf(name, `10.0.0.${index + 1}`));
  const nodes = lines.map(({ name, up, alone }): [string, NodeObservation] => {
    const id = `${name}:6379`;
    if (!up) return [id, { id, reachable: false, error: "connection refused" }];
    const seen = alone ? lines.filter((each) => each.name === name) : lines.filter((each) => !each.alone);
    const view = parseClusterNodes(seen.map((each) => nodesLine(each, name, lines, beliefs)).join("\n"));
    const own = lines.find((each) => each.name === name);
    return [
      id,
      {
        id,
        reachable: true,
        nodeId: idOf(name),
        version: redisVersion("4.0.14"),
        clusterEnabled: true,
        role: own?.master === undefined ? "master" : "replica",
        loading: false,
        masterLink: own?.master === undefined ? undefined : lines.find((each) => each.name === own.master)?.up === true ? "up" : "down",
        offset: own?.master === undefined ? 0 : 1000,
        streamId: idOf(own?.master ?? name),
        clusterState: "ok",
        currentEpoch: Math.max(...lines.map(({ epoch }) => epoch)),
        myEpoch: own?.epoch ?? 0,
        knownNodes: view.length,
        keys: [...(counts.get(id)?.values() ?? [])].reduce((sum, each) => sum + each, 0),
        view,
      },
    ];
  });
  const topology = readTopology({ nodes: new Map(nodes) }, members);
  return { members, topology, cluster: clusterOf(topology), counts };
}

export function idOf(name: string): string {
  return name.repeat(40).slice(0, 40);
}

/** A line of CLUSTER NODES about `of` as `by` writes it. */
function nodesLine(of: Line, by: string, lines: readonly Line[], beliefs: ReadonlyMap<string, readonly string[]>): string {
  const own = of.name === by;
  const index = lines.indexOf(of);
  const flags = [...(own ? ["myself"] : []), of.master === undefined ? "master" : "slave", ...(of.up ? [] : ["fail"])].join(",");
  const slots = (own ? of.words : (beliefs.get(`${by} ${of.name}`) ?? of.words))
    .flatMap((word) => (word.startsWith("[") ? (own ? [word] : []) : word.split(",")))
    .map((word) =>
      word.replace(/^\[(\d+)(->|<-)(\w+)\]$/, (_, slot, way, other) => `[${slot}-${way === "->" ? ">" : "<"}-${idOf(other)}]`),
    );
  return [
    idOf(of.name),
    `10.0.0.${index + 1}:6379@16379`,
    flags,
    of.master === undefined ? "-" : idOf(of.master),
    0,
    0,
    of.epoch,
    of.up ? "connected" : "disconnected",
    ...slots,
  ].join(" ");
}
