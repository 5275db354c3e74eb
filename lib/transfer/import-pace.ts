import type { Value } from "../cluster/model/value.ts";
import { BATCH_BYTES, type BatchLimits } from "../cluster/move/batches.ts";
import { probeLatency } from "../cluster/move/latency.ts";
import { makePace, waitForPace } from "../cluster/move/pace.ts";
import type { InstanceAccess, RedisClient } from "../redis/types.ts";
import type { ImportOptions } from "./types.ts";

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
  const pace = makePace({ pipeline: batchKeys, throttle, latency: probe?.current });
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
  const dials = await Promise.allSettled(masters.map((id) => access.connect(id)));
  const clients = dials.flatMap((dial) => (dial.status === "fulfilled" ? [dial.value] : []));
  const failed = dials.find((dial) => dial.status === "rejected");
  if (failed !== undefined) {
    for (const client of clients) client.close();
    throw failed.reason;
  }
  return source === undefined ? clients : [...clients, source];
}
