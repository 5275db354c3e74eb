import { waitFor } from "../../../lib/base/wait.ts";
import { applyFix } from "../../../lib/cluster/apply/fix.ts";
import { beginJournal, openMoves } from "../../../lib/cluster/apply/journal.ts";
import { resumeMove, rollBackMove } from "../../../lib/cluster/apply/resume-and-rollback.ts";
import { epochSpread } from "../../../lib/cluster/gossip/epochs.ts";
import { observeCluster, selfOf } from "../../../lib/cluster/model/observe.ts";
import { clusterOf, readTopology } from "../../../lib/cluster/model/topology.ts";
import { shardMembersOf } from "../../../lib/cluster/move/passes.ts";
import { moveSlots } from "../../../lib/cluster/move/run.ts";
import type { Quarantined, SlotMove } from "../../../lib/cluster/move/types.ts";
import type { Lab } from "../support.ts";
import { CutOffAccess } from "./cut-off.ts";

export interface SweepCase {
  readonly lab: Lab;
  /** Neighbours. */
  readonly slots: readonly number[];
  /** Ends the move after this many commands that change something. */
  readonly prefix: number;
  readonly recovery: "fix" | "resume" | "rollback";
  /** Folder for the journal. */
  readonly folder: string;
  /** What else happens at that moment. */
  readonly disaster?: (lab: Lab, ends: SlotMove) => Promise<void>;
}

/** What became of one prefix. */
export interface Swept {
  /** All commands of the move were sent: there is no longer prefix. */
  readonly complete: boolean;
  readonly move: SlotMove;
  readonly log: readonly string[];
  readonly quarantined: readonly Quarantined[];
}

/** Moves the slots from where they are to the other of two masters, ends in the middle, and recovers. */
export async function sweepOnce({ lab, slots, prefix, recovery, folder, disaster }: SweepCase): Promise<Swept> {
  const { members, access } = lab;
  const { move, shardMembers } = await nextMove(lab, slots);
  const journal = await beginJournal(folder, { verb: "reshard", moves: [move], shardMembers, now: new Date() });
  let struck: Promise<void> | undefined;
  const cut = new CutOffAccess(access, prefix, () => (struck ??= disaster?.(lab, move) ?? Promise.resolve()));
  let complete = false;
  try {
    await moveSlots([move], members, cut, { emit: () => {}, slotsAtOnce: slots.length, log: async () => journal });
    complete = true;
  } catch (error) {
    // With a server gone as well, that may be what ends the move.
    if (!cut.over) throw error;
  }
  await struck;
  const quarantined: Quarantined[] = [];
  const options = { emit: () => {}, move: { quarantine: async (values: readonly Quarantined[]) => void quarantined.push(...values) } };
  const [open] = await openMoves(folder);
  if (open !== undefined && recovery === "resume") await resumeMove(open, members, access, options);
  if (open !== undefined && recovery === "rollback") await rollBackMove(open, members, access, options);
  if (recovery === "fix") {
    const left = await applyFix(members, access, options);
    if (left.length > 0) throw new Error(`left after ${cut.log.join("\n")}`);
    if (open !== undefined) await journal.end();
  }
  return { complete, move, log: cut.log, quarantined };
}

async function nextMove({ members, access }: Lab, slots: readonly number[]) {
  const topology = readTopology(await observeCluster(members, access), members);
  const cluster = clusterOf(topology);
  const [first = 0] = slots;
  const owner = cluster.live.find(({ nodeId }) => nodeId === cluster.owners[first]);
  // Of two, so that slots go there and come back.
  const other = cluster.live.find((node) => node.self.role === "master" && node !== owner && /^[mr][12]:/.test(node.id));
  if (owner === undefined || other === undefined) throw new Error("no two masters");
  const move: SlotMove = { source: owner.id, target: other.id, slots: [{ first, last: slots.at(-1) ?? first }] };
  return { move, shardMembers: shardMembersOf([move], topology) };
}

/** Kills a server and starts it again with what it had on disk. */
export async function killedAndBack(lab: Lab, id: string): Promise<void> {
  await lab.kill(id, { wipe: false });
  await lab.restart(id, { wiped: false });
  await waitFor(
    async () => {
      const { nodes } = await observeCluster(lab.members, lab.access);
      const down = [...nodes.values()].find((node) => !node.reachable || node.loading || node.clusterState !== "ok");
      return down === undefined ? { done: true, value: undefined } : { done: false, missing: `${down.id} in a working cluster` };
    },
    { what: "the killed server to be back", timeoutMs: 20_000 },
  ).catch(() => undefined); // a cluster with an open slot of a master that was away may stay down until it is fixed
}

/**
 * Kills a server and waits until its replica has its place. Not in the tenth of a second in which nobody has heard of its raised epoch: the replica would get the same one, and which of the two is obeyed later
 * is Redis's own lottery (see epochs.ts).
 */
export async function killedForGood(lab: Lab, id: string): Promise<void> {
  await waitFor(
    async () => {
      const { live } = readTopology(await observeCluster(lab.members, lab.access), lab.members);
      const node = live.get(id);
      if (node === undefined) return { done: false, missing: id };
      return epochSpread(node, node.myEpoch, [...live.values()], lab.access);
    },
    { what: `all to know the epoch of ${id}`, timeoutMs: 60_000 },
  );
  await lab.kill(id, { wipe: false });
  await waitFor(
    async () => {
      const topology = readTopology(await observeCluster(lab.members, lab.access), lab.members);
      const masters = [...topology.live.values()].filter(({ self }) => self.role === "master");
      return masters.length === MASTERS ? { done: true, value: undefined } : { done: false, missing: `${MASTERS} masters` };
    },
    { what: `a replica in the place of ${id}`, timeoutMs: 60_000 },
  );
}

/**
 * Starts a server again that was failed over, and waits until it replicates who has its place. By itself it follows the node that took the last of the slots that it knew of
 * (clusterUpdateSlotsConfigWith in cluster.c), which after a move may be the master of another shard.
 */
export async function backAsReplica(lab: Lab, id: string): Promise<void> {
  const heir = id.startsWith("m") ? id.replace("m", "r") : id.replace("r", "m");
  await lab.restart(id, { wiped: false });
  await waitFor(
    async () => {
      const { nodes } = await observeCluster(lab.members, lab.access);
      const [node, master] = [nodes.get(id), nodes.get(heir)];
      if (node?.reachable !== true || master?.reachable !== true) return { done: false, missing: `${id} and ${heir}` };
      const masterId = selfOf(node)?.masterId;
      if (masterId !== undefined && masterId !== master.nodeId) await lab.call(id, "CLUSTER", "REPLICATE", master.nodeId);
      return masterId === master.nodeId && node.masterLink === "up"
        ? { done: true, value: undefined }
        : { done: false, missing: `${id} in step with ${heir}` };
    },
    { what: `${id} as a replica`, timeoutMs: 60_000 },
  );
}

const MASTERS = 3;
