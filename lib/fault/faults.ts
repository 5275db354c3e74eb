import type { FaultRow } from "./row.ts";
import { clock, diskFull, diskReadOnly, memoryFull, reboot } from "./rows/hosts.ts";
import { isolate, loss, partition, powerOff, slow } from "./rows/network.ts";
import { flapping, hang, kill, restartEmpty, stop } from "./rows/processes.ts";
import type { FaultName } from "./words.ts";

/** The one table of faults: a fault is a row here, with its words in words.ts, and nothing else has to know it. */
export const FAULTS: { readonly [Name in FaultName]: FaultRow } = {
  kill,
  stop,
  hang,
  flapping,
  "restart-empty": restartEmpty,
  reboot,
  "power-off": powerOff,
  partition,
  isolate,
  loss,
  slow,
  "disk-full": diskFull,
  "disk-read-only": diskReadOnly,
  "memory-full": memoryFull,
  clock,
};
