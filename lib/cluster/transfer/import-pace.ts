import type { InstanceAccess, RedisClient } from "../../redis/types.ts";
import { BATCH_BYTES, type BatchLimits } from "../move/batches.ts";
import { probeLatency } from "../move/latency.ts";
import { makePace, waitForPace } from "../move/pace.ts";
import type { ImportOptions } from "./types.ts";
import type { Value } from "./value.ts";

const BATCH_KEYS = 512;

/** How fast an import may be. */
export interface ImportPace {
  /** What may travel together next. */
  readonly limits: BatchLimits;
  /** Waits until values that were read may be sent, and counts them. An abort ends the wait. */
  turn(values: readonly Value[]): Promise<void>;
  close(): void;
}

/** @param masters instances that get keys: what a PING to one of them takes counts for a ceiling of latency */
export async function openPace(
  { throttle, batchKeys = BATCH_KEYS, batchBytes = BATCH_BYTES, sourceProbe, signal }: ImportOptions,
  masters: readonly string[],
  access: InstanceAccess,
): Promise<ImportPace> {
  const probe = throttle?.maxLatencyMs === undefined ? undefined : probeLatency(await probes(masters, access, sourceProbe));
  const pace = makePace({ pipeline: batchKeys, throttle, ...(probe !== undefined && { latency: probe.current }) });
  return {
    get limits() {
      const { keys, bytes } = pace.limits;
      return { keys, bytes: Math.min(bytes, batchBytes) };
    },
    async turn(values) {
      // What clients feel of a batch is in the latency alone: commands of clients are served between those of a batch.
      pace.took(0);
      const batch = { keys: values.map(({ key }) => key), bytes: values.reduce((sum, { dump }) => sum + dump.length, 0) };
      await waitForPace(pace, () => pace.take(batch) || undefined, signal);
    },
    close: () => probe?.close(),
  };
}

async function probes(
  masters: readonly string[],
  access: InstanceAccess,
  source: RedisClient | undefined,
): Promise<readonly RedisClient[]> {
  const clients = await Promise.all(masters.map((id) => access.connect(id)));
  return source === undefined ? clients : [...clients, source];
}
