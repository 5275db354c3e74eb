import * as v from "valibot";
import type { EventKind, EventLine, FinalState, HistoryHeader } from "../history.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const word = v.pipe(v.string(), v.maxLength(512));
const sentence = v.pipe(v.string(), v.maxLength(4_096));

const headerSchema = v.object({
  format: v.literal(1),
  lab: word,
  target: word,
  layout: word,
  version: word,
  drill: v.optional(word),
  seed: v.pipe(v.number(), v.safeInteger()),
  startedAt: v.pipe(v.string(), v.isoTimestamp()),
  startedAtMicros: count,
  writers: v.pipe(v.array(v.object({ id: count, shard: word })), v.maxLength(100_000)),
  settings: v.record(v.string(), v.unknown()),
});

/** Every kind, so that one more without a line here does not compile. */
const EVENT_KINDS: Readonly<Record<EventKind, true>> = {
  "load-began": true,
  "load-ended": true,
  fault: true,
  "fault-undone": true,
  suspected: true,
  failed: true,
  "suspicion-withdrawn": true,
  election: true,
  vote: true,
  promoted: true,
  demoted: true,
  epoch: true,
  "cluster-down": true,
  "cluster-up": true,
  "process-gone": true,
  "process-back": true,
  "link-down": true,
  "link-up": true,
  "in-step": true,
  "full-resync": true,
  "partial-resync": true,
  tilt: true,
  agreed: true,
  settled: true,
  "clock-jumped": true,
  recovery: true,
  interrupted: true,
  note: true,
};

const eventSchema = v.object({
  t: count,
  error: v.optional(count),
  source: v.picklist(["drill", "poll", "log", "sentinel"]),
  node: v.optional(word),
  what: v.picklist(Object.keys(EVENT_KINDS) as EventKind[]),
  about: v.optional(word),
  text: v.optional(sentence),
  value: v.optional(v.pipe(v.number(), v.finite())),
});

const instanceSchema = v.object({
  instance: word,
  role: v.picklist(["master", "replica", "standby", "sentinel", "unknown"]),
  state: v.picklist(["up", "down", "silent", "loading"]),
  master: word,
  slots: sentence,
  link: v.optional(v.picklist(["up", "down"])),
  lagBytes: v.optional(v.number()),
  epoch: v.optional(count),
  view: v.optional(v.pipe(v.string(), v.maxLength(65_536))),
  fileRole: v.optional(v.picklist(["master", "replica"])),
  fileMaster: v.optional(word),
});

const stateSchema = v.object({
  format: v.literal(1),
  t: count,
  healthy: v.boolean(),
  problems: v.array(sentence),
  instances: v.array(instanceSchema),
  faultsLeft: v.array(sentence),
});

const finalSchema = v.object({ key: word, v: v.nullable(v.pipe(v.number(), v.safeInteger())) });

/** @returns the value, or what is wrong with the text */
export const parseHeader = (text: string) => parsed<HistoryHeader>(headerSchema, text);
export const parseEvent = (text: string) => parsed<EventLine>(eventSchema, text);
export const parseState = (text: string) => parsed<FinalState>(stateSchema, text);
export const parseFinal = (text: string) => parsed<v.InferOutput<typeof finalSchema>>(finalSchema, text);

function parsed<T>(schema: v.GenericSchema<unknown, unknown>, text: string): T | string {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (result.success) return result.output as T;
  const [issue] = result.issues;
  const at = v.getDotPath(issue);
  return `${at === null ? "" : `${at}: `}${issue.message}`;
}
