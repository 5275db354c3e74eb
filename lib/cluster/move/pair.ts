import { isLabError, whatOf } from "../../base/error.ts";
import type { Argument, BatchReply, CallOptions } from "../../redis/types.ts";
import type { BatchLimits } from "./batches.ts";
import { settleConflicts } from "./conflicts.ts";
import {
  answered,
  batchOf,
  beginJourney,
  interrupted,
  type Journey,
  PAGE,
  questionsOf,
  type Route,
  refused,
  type SlotStart,
  settled,
} from "./journey.ts";
import { type Pace, waitForPace } from "./pace.ts";
import { type Slices, sendWork } from "./slices.ts";
import type { MoveEnd, MoveLog, MoveOptions, Quarantine, SlotOutcome } from "./types.ts";

/** Two masters between which slots travel. */
export interface Pair {
  readonly source: MoveEnd;
  readonly target: MoveEnd;
  /** The other masters of the cluster, which are sent the owner at the end. */
  readonly others: readonly MoveEnd[];
  readonly pace: Pace;
  readonly slices: Slices;
  readonly largestValue: number;
  /** Of one MIGRATE, in milliseconds. */
  readonly timeoutMs: number;
  /** Slots on their way at the same time. */
  readonly slotsAtOnce: number;
  readonly conflict: NonNullable<MoveOptions["conflict"]>;
  readonly quarantine: Quarantine | undefined;
  readonly log: MoveLog | undefined;
  /** Called with each slot before it is opened. */
  readonly onBegin: (start: SlotStart) => void;
  /** Called with each slot that ended its journey. */
  readonly onEnd: (start: SlotStart, outcome: SlotOutcome) => void;
  /** Called with each value that went into quarantine. */
  readonly onQuarantine: (count: number) => void;
  /** No further slot is opened once this is true. */
  readonly stopping: () => boolean;
  /** Whether everybody knows the target's config epoch: before that no slot may change its owner (see epochs.ts). Undefined once it is certain that it will not come. */
  readonly mayClose: () => boolean | undefined;
}

/** Longest silence of a server during commands that take no time by themselves, in milliseconds. */
const REPLY_TIMEOUT_MS = 60_000;

/**
 * Moves slots from one master to another, many at once and in step: each turn asks the present question of every slot on its way, all questions to one server in one write.
 * A slot that arrives makes room for the next. Never rejects for what a server does: every slot that was begun ends with an outcome, those not begun have none.
 */
export async function movePair(starts: readonly SlotStart[], pair: Pair): Promise<void> {
  const waiting = starts[Symbol.iterator]();
  // Two lanes, so that one works at the source while the other does at the target.
  const lanes = Math.min(2, pair.slotsAtOnce);
  await Promise.all(Array.from({ length: lanes }, () => lane(waiting, Math.ceil(pair.slotsAtOnce / lanes), pair)));
}

async function lane(waiting: Iterator<SlotStart>, most: number, pair: Pair): Promise<void> {
  let travelling: readonly Journey[] = [];
  for (;;) {
    const joining: Journey[] = [];
    // Those that wait at the door of the target take nobody's place, up to a limit.
    const waitingThere = pair.mayClose() === true ? 0 : travelling.filter(({ phase }) => phase === "close-target").length;
    while (travelling.length - Math.min(waitingThere, MOST_WAITING) + joining.length < most && !pair.stopping()) {
      const next = waiting.next();
      if (next.done === true) break;
      pair.onBegin(next.value);
      joining.push(beginJourney(next.value));
    }
    travelling = [...travelling, ...joining];
    if (travelling.length === 0) return;
    const after = await turn(pair.mayClose() === undefined ? travelling.map(turnedAway) : travelling, pair);
    await pair.log?.closed(after.filter(({ outcome }) => outcome?.kind === "moved").map(({ slot }) => slot));
    for (const journey of after) if (journey.outcome !== undefined) pair.onEnd(journey, journey.outcome);
    travelling = after.filter(({ outcome }) => outcome === undefined);
  }
}

function turnedAway(journey: Journey): Journey {
  return journey.phase === "close-target" ? interrupted(journey, "not every node has heard of the config epoch of the target") : journey;
}

/** Tells everybody about slots that have arrived and of which not everybody may know. */
export async function finishSlots(starts: readonly SlotStart[], pair: Pair): Promise<void> {
  let travelling = starts.map((start): Journey => ({ ...beginJourney(start), phase: "close-target", isOpen: true }));
  while (travelling.length > 0) {
    const after = await turn(travelling, pair);
    for (const journey of after) if (journey.outcome !== undefined) pair.onEnd(journey, journey.outcome);
    await pair.log?.closed(after.filter(({ outcome }) => outcome?.kind === "moved").map(({ slot }) => slot));
    travelling = after.filter(({ outcome }) => outcome === undefined);
  }
}

/** One question of every journey, asked and answered. */
async function turn(all: readonly Journey[], pair: Pair): Promise<readonly Journey[]> {
  const journeys = all.filter(({ outcome }) => outcome === undefined);
  if (journeys.length === 0) return all;
  const { source, target, others, pace } = pair;
  const route = routeOf(pair);
  // The limits change with every batch that comes back: what was sent and what is made of the answer have to go by the same ones.
  const { asked, limits } = await admitted(journeys, pair);
  const questions = asked.map((journey) => questionsOf(journey, route, limits));
  const patience = {
    timeoutMs: REPLY_TIMEOUT_MS + Math.max(0, ...questions.map((each) => each.timeoutMs)),
    worksMs: Math.max(0, ...questions.map(({ worksMs = 0 }) => worksMs)),
  };
  const begin = performance.now();
  const [fromSource, fromTarget] = await Promise.all([
    ask(
      source,
      questions.map((each) => each.source),
      patience,
    ),
    ask(
      target,
      questions.map((each) => each.target),
      patience,
    ),
    // They hear of it from the target anyway; telling them spares their clients a redirection.
    ...others.map((other) =>
      ask(
        other,
        questions.map((each) => each.others),
        patience,
      ),
    ),
  ]);
  if (asked.some(({ phase }) => phase === "send")) pace.took(performance.now() - begin);
  const byJourney = new Map(
    await Promise.all(
      asked.map(async (journey, index): Promise<[number, Journey]> => {
        const lost = [fromSource, fromTarget].find((replies) => "lost" in replies && (replies.of[index] ?? 0) > 0);
        const replies = { source: repliesFor(fromSource, index), target: repliesFor(fromTarget, index) };
        return [journey.slot, await next(journey, lost, replies, limits, route, pair)];
      }),
    ),
  );
  return all.map((journey) => byJourney.get(journey.slot) ?? journey);
}

/** Slots that may wait for the epoch of the target beside those that travel. */
const MOST_WAITING = 4096;

async function next(
  journey: Journey,
  lost: Answers | undefined,
  replies: { readonly source: readonly BatchReply[]; readonly target: readonly BatchReply[] },
  limits: BatchLimits,
  route: Route,
  pair: Pair,
): Promise<Journey> {
  if (lost !== undefined && "lost" in lost) {
    // The owner is the target by now. The others are sent it all the same: a replica of a source that died does not know of the move yet, would win its election and take the
    // slot back, if the other masters did not know better and refuse it their votes.
    if (journey.phase === "close-source") await tellOthers(journey, route, pair);
    return interrupted(journey, lost.lost, journey.phase === "send" ? true : undefined);
  }
  const after = answered(journey, route, limits, replies);
  if (journey.phase === "survey") pair.slices.surveyed(after.phase === "list" ? PAGE : after.small);
  if (after.phase === "busy") return settle(after, limits, pair);
  return after.outcome?.kind === "refused" && after.isOpen && !after.opened && after.keys === 0 ? reclosed(after, pair) : after;
}

/** Those whose question may be asked now: no more than a slice, batches wait for their turn under a throttle, slots that have their keys for the epoch of the target. */
async function admitted(
  journeys: readonly Journey[],
  { pace, slices, mayClose }: Pair,
): Promise<{ readonly asked: readonly Journey[]; readonly limits: BatchLimits }> {
  const slice = slices.begin();
  const fits = (work: number, take = () => true): boolean => {
    const admitted = slice.fits(work) && take();
    if (admitted) slice.add(work);
    return admitted;
  };
  const admits = (journey: Journey, limits: BatchLimits): boolean => {
    switch (journey.phase) {
      case "survey":
        return fits(slices.surveyWork());
      case "send": {
        const batch = batchOf(journey, limits);
        return fits(sendWork(batch), () => pace.take(batch));
      }
      case "close-target":
        // Without any hope they are turned away in the next turn.
        return mayClose() === true;
      case "list":
      case "size":
      case "weigh":
      case "import":
      case "migrate":
      case "busy":
      case "close-source":
      case "tell":
      case "ended":
        return true;
      default:
        return journey.phase satisfies never;
    }
  };
  return waitForPace(pace, () => {
    const { limits } = pace;
    const asked = journeys.filter((journey) => admits(journey, limits));
    return asked.length > 0 || mayClose() === undefined ? { asked, limits } : undefined;
  });
}

/** Replies to the questions of all journeys, or why there are none; `of` counts the questions of each. */
type Answers = { readonly of: readonly number[]; readonly from: readonly number[] } & (
  | { readonly replies: readonly BatchReply[] }
  | { readonly lost: string }
);

async function ask({ client }: MoveEnd, questions: readonly (readonly (readonly Argument[])[])[], patience: CallOptions): Promise<Answers> {
  let count = 0;
  const from = questions.map(({ length }) => {
    count += length;
    return count - length;
  });
  const of = questions.map(({ length }) => length);
  try {
    return { of, from, replies: await client.callAll(questions.flat(), patience) };
  } catch (error) {
    if (!isLabError(error)) throw error;
    return { of, from, lost: whatOf(error) };
  }
}

function repliesFor(answers: Answers, index: number): readonly BatchReply[] {
  const from = answers.from[index] ?? 0;
  return "replies" in answers ? answers.replies.slice(from, from + (answers.of[index] ?? 0)) : [];
}

async function settle(journey: Journey, limits: BatchLimits, pair: Pair): Promise<Journey> {
  const quarantine = pair.conflict === "keep-source" ? pair.quarantine : undefined;
  try {
    const { keys } = batchOf(journey, limits);
    pair.onQuarantine(await settleConflicts(journey.slot, keys, pair, quarantine));
    return settled(journey, keys.length);
  } catch (error) {
    if (!isLabError(error)) throw error;
    return error.code.startsWith("redis.") ? interrupted(journey, error.what) : refused(journey, error);
  }
}

/** Closes a slot that was opened in vain: nothing has travelled yet. */
async function reclosed(journey: Journey, { source, target, log }: Pair): Promise<Journey> {
  const stable = ["CLUSTER", "SETSLOT", journey.slot, "STABLE"] as const;
  for (const { client } of [source, target]) {
    const reply = await client.callAll([stable]).catch(() => undefined);
    if (reply === undefined) return journey;
  }
  await log?.closed([journey.slot]);
  return journey.outcome?.kind === "refused" ? { ...journey, isOpen: false, outcome: { ...journey.outcome, open: false } } : journey;
}

async function tellOthers(journey: Journey, route: Route, { others, pace }: Pair): Promise<void> {
  const { others: commands } = questionsOf({ ...journey, phase: "tell" }, route, pace.limits);
  await Promise.all(others.map(({ client }) => client.callAll(commands).catch(() => undefined)));
}

function routeOf({ source, target, largestValue, timeoutMs }: Pair): Route {
  const { address, port } = target.member;
  return {
    source: { id: source.member.id, nodeId: source.nodeId },
    target: { id: target.member.id, nodeId: target.nodeId, address, port },
    credentials: target.client.credentials,
    largestValue,
    timeoutMs,
  };
}
