import { knownEpoch } from "../gossip/epochs.ts";
import { eachSlot, formatRanges } from "../model/slots.ts";
import { type Component, clusterAround, clusterOf, type LiveNode, type Topology } from "../model/topology.ts";
import type { SlotStart } from "./journey.ts";
import type { SlotMove, SlotOutcome } from "./types.ts";

/** A slot on its way, over as many passes as it takes. */
export interface SlotTask {
  readonly slot: number;
  readonly move: SlotMove;
  /** It was opened before, by an earlier pass or run: what is at the target belongs there. */
  opened: boolean;
  /** It may be open on the servers. */
  begun: boolean;
  /** It was open before this run. */
  readonly foreign: boolean;
  /** Node id of the source from which this run opened it first. */
  begunFrom: string | undefined;
  halfSent: boolean;
  outcome: SlotOutcome | undefined;
}

/** Who may stand for the ends of a move: the masters themselves, and those that replicated them when it began. Node ids by instance id. */
export type ShardMembers = ReadonlyMap<string, ReadonlySet<string>>;

/** What is to be done in the next pass. */
export type Pass =
  /** Nothing can be done before this is there. */
  | { readonly kind: "waits"; readonly missing: string }
  | { readonly kind: "ready"; readonly pairs: readonly PassPair[]; readonly strayed: readonly Strayed[] };

export interface PassPair {
  readonly move: SlotMove;
  readonly source: LiveNode;
  readonly target: LiveNode;
  /** The other masters. */
  readonly others: readonly LiveNode[];
  /** All nodes that answer, replicas too. */
  readonly everybody: readonly LiveNode[];
  readonly moves: readonly SlotTask[];
  /** Slots that the target owns, by its own word or as the heir of who did, and of which not everybody may know. */
  readonly finishes: readonly SlotTask[];
}

/** A slot that another node owns by now. */
export interface Strayed {
  readonly task: SlotTask;
  readonly owner: string;
}

export function slotTasksOf(moves: readonly SlotMove[], topology: Topology, opened: ReadonlySet<number> = new Set()): SlotTask[] {
  return moves.flatMap((move) => {
    const target = topology.live.get(move.target);
    const source = topology.live.get(move.source);
    return [...eachSlot(move.slots)].map((slot) => {
      const open = opened.has(slot) || source?.self.migrating.has(slot) === true || target?.self.importing.has(slot) === true;
      return { slot, move, opened: open, begun: false, foreign: open, begunFrom: undefined, halfSent: false, outcome: undefined };
    });
  });
}

/** How a slot stands before its next journey. After a failover of the source a value at the target may be newer than that of the heir, so it is compared as any other. */
export function startOf({ slot, opened, foreign, begunFrom, halfSent }: SlotTask, source: Pick<LiveNode, "nodeId">): SlotStart {
  return { slot, opened, halfSent, foreign: foreign || (begunFrom !== undefined && begunFrom !== source.nodeId) };
}

export function shardMembersOf(moves: readonly SlotMove[], topology: Topology): ShardMembers {
  const ends = new Set(moves.flatMap(({ source, target }) => [source, target]));
  return new Map(
    [...ends].map((id) => {
      const master = topology.live.get(id);
      const replicas = [...topology.live.values()].filter(({ self }) => master !== undefined && self.masterId === master.nodeId);
      return [id, new Set([...(master === undefined ? [] : [master.nodeId]), ...replicas.map(({ nodeId }) => nodeId)])];
    }),
  );
}

/** What is left of a move as the cluster stands now; no pairs once everything is where it belongs. Pure. */
export function planPass(tasks: readonly SlotTask[], shardMembers: ShardMembers, topology: Topology): Pass {
  const ends = new Map([...shardMembers].map(([id, shard]) => [id, { shard, head: shardMaster(shard, topology) }]));
  const [anyone] = [...ends.values()].flatMap(({ head }) => head ?? []);
  const cluster = anyone === undefined ? clusterOf(topology) : clusterAround(topology, anyone.id);
  const pairs = new Map<string, PassPair & { moves: SlotTask[]; finishes: SlotTask[] }>();
  const strayed: Strayed[] = [];
  const giving = new Set<string>();
  const taking = new Set<string>();
  for (const task of tasks) {
    const { slot, move, outcome } = task;
    const [from, to] = [ends.get(move.source), ends.get(move.target)];
    if (to?.head === undefined) return { kind: "waits", missing: `a master in the place of ${move.target}` };
    const target = to.head;
    const owner = cluster.owners[slot];
    if (owner === undefined) return { kind: "waits", missing: `an owner of slot ${slot}` };
    // A target that failed right after it got a slot did not always tell its replica: nobody claims the slot then, and the heir, which has its keys, takes it.
    const arrived = to.shard.has(owner);
    // Who gave its last slot away may be a replica of the node that got it by now: it is not needed for slots that have arrived.
    if (arrived && owner === target.nodeId && (outcome?.kind === "moved" || from?.head === undefined)) continue;
    if (from?.head === undefined) return { kind: "waits", missing: `a master in the place of ${move.source}` };
    const source = from.head;
    if (!arrived && owner !== source.nodeId) {
      strayed.push({ task, owner: topology.instanceOf(owner) ?? owner });
      continue;
    }
    // A node that takes slots may raise its config epoch, and as a giver it has to keep it (see `knowsEpochOf`): one thing after the other.
    if (giving.has(target.nodeId) || taking.has(source.nodeId)) continue;
    if (!knowsEpochOf(source, target)) return { kind: "waits", missing: `${target.id} knowing the config epoch of ${source.id}` };
    const believer = taking.has(target.nodeId) ? undefined : believerIn(target, cluster);
    if (believer !== undefined) return { kind: "waits", missing: `${believer.id} knowing of the slots that ${target.id} gave away` };
    giving.add(source.nodeId);
    taking.add(target.nodeId);
    const key = `${source.nodeId} ${target.nodeId}`;
    const pair = pairs.get(key) ?? {
      move,
      source,
      target,
      others: othersOf(cluster.live, source, target),
      everybody: cluster.live,
      moves: [],
      finishes: [],
    };
    pairs.set(key, pair);
    (arrived ? pair.finishes : pair.moves).push(task);
  }
  return { kind: "ready", pairs: [...pairs.values()], strayed };
}

/** Why: see epochs.ts. */
function knowsEpochOf(source: LiveNode, target: LiveNode): boolean {
  return (knownEpoch(target, source) ?? -1) >= source.myEpoch;
}

/**
 * A node that takes the target of a move for the owner of slots that are another one's by now. Replicas hear of a move by gossip alone; one that hears of the raised config epoch of the target first
 * believes it more than the new owner, and tells that one so (CLUSTERMSG_TYPE_UPDATE in cluster.c): the new owner gives the slots up and *deletes their keys*, and nobody owns them. Seen on 4.0.14
 * with moves in opposite directions, one right after the other.
 */
function believerIn(target: LiveNode, { live, owners }: Component): LiveNode | undefined {
  const own = formatRanges(target.self.slots);
  const others = new Set(live.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId !== target.nodeId));
  return live.find(({ view }) => {
    const slots = view.find(({ id }) => id === target.nodeId)?.slots ?? [];
    return formatRanges(slots) !== own && [...eachSlot(slots)].some((slot) => others.has(owners[slot] ?? ""));
  });
}

/** Of those who may stand for a shard the master that was elected last. */
function shardMaster(shard: ReadonlySet<string>, { live }: Topology): LiveNode | undefined {
  return [...live.values()]
    .filter(({ nodeId, self }) => shard.has(nodeId) && self.role === "master")
    .sort((a, b) => b.self.configEpoch - a.self.configEpoch)[0];
}

function othersOf(live: readonly LiveNode[], source: LiveNode, target: LiveNode): readonly LiveNode[] {
  return live.filter((node) => node !== source && node !== target && node.self.role === "master");
}
