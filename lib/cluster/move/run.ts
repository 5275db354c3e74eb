import pLimit from "p-limit";
import { isLabError, whatOf } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import { pairsOf } from "../../redis/pairs.ts";
import type { InstanceAccess, RedisClient } from "../../redis/types.ts";
import { raiseAndSpread } from "../gossip/epochs.ts";
import { tell } from "../gossip/introduce.ts";
import { clearUnclaimed } from "../gossip/slot-marks.ts";
import { observeCluster } from "../model/observe.ts";
import { readTopology, type Topology } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";
import { moveInterrupted, moveStopped, noSuccessor, slotStrayed } from "./errors.ts";
import { type LatencyProbe, probeLatency } from "./latency.ts";
import { makePace } from "./pace.ts";
import { finishSlots, movePair, type Pair } from "./pair.ts";
import { type PassPair, planPass, type ShardMembers, type SlotTask, shardMembersOf, slotTasksOf, startOf } from "./passes.ts";
import { type MoveProgress, makeMoveProgress } from "./progress.ts";
import { makeSlices } from "./slices.ts";
import type { MoveEnd, MoveLog, MoveOptions, MoveReport, SlotMove } from "./types.ts";

/** Pauses between two looks when a pass came to nothing, in milliseconds. */
const AGAIN_MS = 250;

/**
 * Moves slots with their keys: many at once, and all pairs of source and target side by side. What is interrupted by a server that fails or loads is looked at again and
 * continued with the node that is the master then. On an abort the slots in flight arrive, and no further one is opened.
 *
 * @throws LabError `cluster.orphans`, `cluster.value-too-large`, `cluster.values-differ`, `cluster.move-refused`, `cluster.slot-strayed`, `cluster.no-successor`: with what was moved and what is open
 */
export async function moveSlots(
  moves: readonly SlotMove[],
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: MoveOptions,
): Promise<MoveReport> {
  const look = async () => readTopology(await observeCluster(members, access), members);
  const before = await look();
  const tasks = slotTasksOf(moves, before, options.opened);
  const shardMembers = options.shardMembers ?? shardMembersOf(moves, before);
  const progress = makeMoveProgress(tasks.length, options);
  const log = await options.log?.(moves, shardMembers);
  try {
    await runPasses({ tasks, shardMembers, progress, log, look, before }, access, options);
  } catch (error) {
    // With nothing moved and nothing open there is nothing to go on with.
    if (tasks.every(({ outcome, opened, begun }) => outcome?.kind !== "moved" && !opened && !begun)) await log?.end();
    throw error;
  }
  await log?.end();
  return progress.report();
}

interface Journeying {
  readonly tasks: readonly SlotTask[];
  readonly shardMembers: ShardMembers;
  readonly progress: MoveProgress;
  readonly log: MoveLog | undefined;
  readonly look: () => Promise<Topology>;
  readonly before: Topology;
}

/** One pass after the other, until everything is where it belongs. */
async function runPasses(
  { tasks, shardMembers, progress, log, look, before }: Journeying,
  access: InstanceAccess,
  options: MoveOptions,
): Promise<void> {
  const recoveryMs = options.recoveryMs ?? 60_000;
  let lastPass = Number.NEGATIVE_INFINITY;
  let lastProgress = performance.now();
  let topology: Topology | undefined = before;
  for (;;) {
    const pass = await waitFor(
      async () => {
        const now = topology ?? (await look());
        topology = undefined;
        const plan = planPass(tasks, shardMembers, now);
        if (plan.kind === "waits") return { done: false, missing: plan.missing };
        return performance.now() - lastPass < AGAIN_MS ? { done: false, missing: "a moment's rest" } : { done: true, value: plan };
      },
      { what: "the cluster to go on with the move", timeoutMs: recoveryMs, signal: options.signal },
    ).catch((error: unknown) => {
      if (options.signal?.aborted === true) throw stopped(moveInterrupted(), tasks);
      throw isLabError(error) ? stopped(noSuccessor(error.what), tasks) : error;
    });
    const [astray] = pass.strayed;
    if (astray !== undefined) throw stopped(slotStrayed(astray.task.slot, astray.task.move.source, astray.owner), tasks);
    if (pass.pairs.length === 0) return;
    const done = progress.moved;
    await runPass(pass.pairs, access, options, progress, log);
    if (options.signal?.aborted === true) throw stopped(moveInterrupted(), tasks);
    for (const { outcome } of tasks) if (outcome?.kind === "refused") throw stopped(outcome.error, tasks);
    const [stuck] = tasks.flatMap(({ outcome }) => (outcome?.kind === "interrupted" ? [outcome.why] : []));
    if (progress.moved > done) lastProgress = performance.now();
    lastPass = stuck === undefined ? Number.NEGATIVE_INFINITY : performance.now();
    if (stuck !== undefined && performance.now() - lastProgress > recoveryMs) throw stopped(noSuccessor(stuck), tasks);
  }
}

function stopped(error: Error, tasks: readonly SlotTask[]): Error {
  const moved = tasks.filter(({ outcome }) => outcome?.kind === "moved").length;
  const open = tasks.filter(({ outcome, opened }) => outcome?.kind !== "moved" && opened).map(({ slot }) => slot);
  return moveStopped(error, moved, tasks.length, open);
}

async function runPass(
  pairs: readonly PassPair[],
  access: InstanceAccess,
  options: MoveOptions,
  progress: MoveProgress,
  log: MoveLog | undefined,
): Promise<void> {
  const clients = new Map<string, Promise<RedisClient>>();
  const connect = (id: string): Promise<RedisClient> => {
    const known = clients.get(id) ?? access.connect(id);
    clients.set(id, known);
    return known;
  };
  // What is done to a target beforehand is not done for two of its sources at the same time.
  const turns = new Map(pairs.map(({ target }) => [target.id, pLimit(1)]));
  const prepare = ({ source, target, moves }: PassPair) =>
    moves.length === 0 ? undefined : turns.get(target.id)?.(() => clearUnclaimed(source, target, access, options.signal));
  try {
    await Promise.all(pairs.map((pair) => runPair(pair, connect, prepare, access, options, progress, log)));
  } finally {
    for (const client of clients.values())
      client.then(
        (open) => open.close(),
        () => undefined,
      );
  }
}

async function runPair(
  pass: PassPair,
  connect: (id: string) => Promise<RedisClient>,
  prepare: (pass: PassPair) => Promise<void> | undefined,
  access: InstanceAccess,
  options: MoveOptions,
  progress: MoveProgress,
  log: MoveLog | undefined,
): Promise<void> {
  const tasks = new Map([...pass.finishes, ...pass.moves].map((task) => [task.slot, task]));
  const end = async ({ id, member, nodeId }: PassPair["source"]): Promise<MoveEnd> => ({ member, nodeId, client: await connect(id) });
  const starts = (some: readonly SlotTask[]) => some.map((task) => startOf(task, pass.source));
  const { throttle } = options;
  let broken = false;
  let epochsKnown: boolean | undefined = false;
  let probe: LatencyProbe | undefined;
  try {
    const [source, target] = await Promise.all([end(pass.source), end(pass.target)]);
    const others = (await Promise.allSettled(pass.others.map(end))).flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    if (throttle?.maxLatencyMs !== undefined)
      probe = probeLatency(await Promise.all([pass.source.id, pass.target.id].map((id) => access.connect(id))));
    const pair: Pair = {
      source,
      target,
      others,
      pace: makePace({ pipeline: options.pipeline ?? DEFAULT_PIPELINE, throttle, latency: probe?.current }),
      slices: makeSlices(),
      largestValue: await largestValueOf(target.client),
      timeoutMs: options.timeoutMs ?? 60_000,
      slotsAtOnce:
        throttle?.maxLatencyMs !== undefined ? 1 : (options.slotsAtOnce ?? (throttle === undefined ? DEFAULT_SLOTS : GENTLE_SLOTS)),
      conflict: options.conflict ?? "stop",
      quarantine: options.quarantine,
      log,
      onQuarantine: progress.quarantined,
      onBegin({ slot }) {
        const task = tasks.get(slot);
        if (task === undefined) return;
        task.begun = true;
        task.begunFrom ??= pass.source.nodeId;
      },
      onEnd({ slot }, outcome) {
        const task = tasks.get(slot);
        if (task === undefined) return;
        task.outcome = outcome;
        if (outcome.kind === "moved") progress.arrived(slot, pass, outcome);
        else broken = true;
        if (outcome.kind === "refused") task.begun = outcome.open;
        task.opened = task.begun;
        if (outcome.kind === "interrupted" && outcome.halfSent) task.halfSent = true;
      },
      // What was begun arrives; nothing new is begun after an abort, a refusal, or with a server gone.
      stopping: () => broken || options.signal?.aborted === true,
      mayClose: () => epochsKnown,
    };
    await finishSlots(starts(pass.finishes), { ...pair, mayClose: () => true });
    await prepare(pass);
    if (pass.moves.length > 0)
      void raiseAndSpread(pass.target, pass.everybody, access).then(
        () => {
          epochsKnown = true;
        },
        () => {
          epochsKnown = undefined;
        },
      );
    await movePair(starts(pass.moves), pair);
    // Nodes that were not sent it, replicas above all, would hear of it by gossip in a second or two.
    await Promise.all([pass.target, pass.source].map((node) => tell(node, pass.everybody, access)));
  } catch (error) {
    if (!isLabError(error)) throw error;
    for (const task of tasks.values())
      if (task.outcome?.kind !== "moved") task.outcome = { kind: "interrupted", why: whatOf(error), halfSent: task.halfSent };
  } finally {
    probe?.close();
  }
}

const DEFAULT_PIPELINE = 512;
const DEFAULT_SLOTS = 128;
/** The same under a throttle: what is open longer than need be is sent from one node to the other by every client. */
const GENTLE_SLOTS = 8;

/** Largest value in one piece, in bytes (proto-max-bulk-len, 512 MiB where it is not known). */
async function largestValueOf(client: RedisClient): Promise<number> {
  const reply = await client.call(["CONFIG", "GET", "proto-max-bulk-len"]).catch(() => []);
  return Number(pairsOf(reply)["proto-max-bulk-len"] ?? 512 << 20);
}
