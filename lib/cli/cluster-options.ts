import { flag, option } from "./parameters.ts";
import { bytes, milliseconds, positive, whole } from "./values.ts";

// Options that several verbs of a cluster have.

/** Options of verbs that make a plan. */
export const PLANNED = {
  dryRun: flag("stop after the plan"),
  plan: option("<file>", "stop after the plan and save it, for `redis-lab apply FILE`"),
};
/** Options of verbs that bring keys from one server to another. */
export const THROTTLED = {
  maxLatency: option("<time>", "what a PING to source and target may take meanwhile, for example 5ms", milliseconds),
  maxKeys: option("<rate>", "keys per second", positive),
  maxBytes: option("<rate>", "bytes per second, for example 10mb", bytes),
};
/** Options of verbs that move slots. */
export const MOVING = {
  ...PLANNED,
  timeout: option("<ms>", "longest time for one MIGRATE; large keys get more", whole(1), 60_000),
  pipeline: option("<keys>", "most keys in one MIGRATE", whole(1)),
  slotsAtOnce: option("<count>", "slots on their way at the same time, for each pair of masters", whole(1)),
  ...THROTTLED,
  replace: flag("keep the source's value of a key that both have; the other one is saved to a file"),
};
