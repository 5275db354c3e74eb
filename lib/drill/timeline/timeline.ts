import type { EventKind, EventLine } from "../history.ts";

// From what was seen to what happened: one line a step, by the source that said it first.

/** The steps of a failover, in their order. */
export const STEPS = [
  "fault",
  "suspected",
  "failed",
  "election",
  "vote",
  "promoted",
  "first-write",
  "fault-undone",
  "rejoined",
  "in-step",
  "settled",
] as const;
export type TimelineStepName = (typeof STEPS)[number];

export interface TimelineStep {
  readonly step: TimelineStepName;
  readonly t: number;
  /** By how many microseconds it may be off. */
  readonly error: number;
  /** `HOST:PORT` about which it is. */
  readonly node: string | undefined;
  readonly text: string;
  readonly source: EventLine["source"];
}

export interface Timeline {
  readonly steps: readonly TimelineStep[];
  /** Each replica that became a master after the fault, recovery included. */
  readonly promotions: readonly { readonly node: string; readonly t: number }[];
  /** From the fault until it was agreed that the master is down. */
  /** How many of them before the recovery began, which may hand roles over by itself. */
  readonly failovers: number;
  readonly detectionMs: number | undefined;
  readonly electionMs: number | undefined;
  readonly fullResyncs: number;
  readonly partialResyncs: number;
  readonly resyncBytes: number;
}

/** The same seen by a poll, a log and a sentinel is one thing when it is this close, in microseconds. */
const SAME_MICROS = 5_000_000;

/** @param firstWrite when a write was acknowledged again, in the shard that was silent longest */
export function timelineOf(events: readonly EventLine[], firstWrite: number | undefined): Timeline {
  const fault = events.find(({ what }) => what === "fault");
  const since = fault?.t ?? Number.POSITIVE_INFINITY;
  const after = events.filter(({ t }) => t >= since - 1);
  const first = (what: EventKind, where: (event: EventLine) => boolean = () => true, from = since) =>
    after.find((event) => event.what === what && event.t >= from && where(event));
  const promotions = promotionsIn(after);
  const recovery = after.find(({ what }) => what === "recovery")?.t ?? Number.POSITIVE_INFINITY;
  const promoted = promotions[0];
  const suspected = first("suspected");
  const failed = first("failed");
  // What was promoted without anybody having failed was planned.
  const election = first("election");
  const undone = first("fault-undone");
  const settled = after.findLast(({ what }) => what === "settled");
  const down = failed?.about ?? fault?.about ?? fault?.node;
  const rejoined = first("demoted", ({ node }) => down === undefined || node === down);
  const inStep = after.findLast(({ what }) => what === "in-step");
  const steps: TimelineStep[] = [
    ...(fault === undefined ? [] : [stepOf("fault", fault)]),
    ...(suspected === undefined ? [] : [stepOf("suspected", suspected)]),
    ...(failed === undefined ? [] : [stepOf("failed", failed)]),
    ...(election === undefined ? [] : [stepOf("election", election)]),
    ...after
      .filter(({ what, t }) => what === "vote" && (promoted === undefined || t <= promoted.t))
      .slice(0, 5)
      .map((vote) => stepOf("vote", vote)),
    ...promotions.map((event) => stepOf("promoted", event)),
    ...(firstWrite === undefined || firstWrite < since
      ? []
      : [
          {
            step: "first-write" as const,
            t: firstWrite,
            error: 0,
            node: undefined,
            text: "",
            source: "drill" as const,
          },
        ]),
    ...(undone === undefined ? [] : [stepOf("fault-undone", undone)]),
    ...(rejoined === undefined ? [] : [stepOf("rejoined", rejoined)]),
    ...(inStep === undefined ? [] : [stepOf("in-step", inStep)]),
    ...(settled === undefined ? [] : [stepOf("settled", settled)]),
  ];
  const full = distinct(after.filter(({ what }) => what === "full-resync"));
  return {
    steps: steps.sort((a, b) => a.t - b.t),
    promotions: promotions.map((event) => ({ node: event.about ?? event.node ?? "", t: event.t })),
    failovers: promotions.filter(({ t }) => t <= recovery).length,
    detectionMs: fault === undefined || failed === undefined ? undefined : (failed.t - fault.t) / 1000,
    electionMs: failed === undefined || promoted === undefined || promoted.t < failed.t ? undefined : (promoted.t - failed.t) / 1000,
    fullResyncs: full.length,
    partialResyncs: distinct(after.filter(({ what }) => what === "partial-resync")).length,
    resyncBytes: full.reduce((sum, { value = 0 }) => sum + value, 0),
  };
}

/** Each node once, until it is something else again. */
function promotionsIn(events: readonly EventLine[]): readonly EventLine[] {
  const masters = new Map<string, number>();
  return events.filter((event) => {
    const node = event.about ?? event.node ?? "";
    if (event.what === "demoted") masters.delete(node);
    if (event.what !== "promoted") return false;
    const before = masters.get(node);
    masters.set(node, event.t);
    return before === undefined;
  });
}

function distinct(events: readonly EventLine[]): readonly EventLine[] {
  const kept: EventLine[] = [];
  for (const event of events) {
    const same = kept.some((other) => (other.about ?? other.node) === (event.about ?? event.node) && event.t - other.t < SAME_MICROS);
    if (!same) kept.push(event);
  }
  return kept;
}

function stepOf(step: TimelineStepName, event: EventLine): TimelineStep {
  const { t, error = 0, node, about, text = "", source } = event;
  // Of a vote it matters who gave it.
  return { step, t, error, node: step === "vote" ? node : (about ?? node), text, source };
}
