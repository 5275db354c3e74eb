import { isLabError } from "../base/error.ts";
import { waitFor } from "../base/wait.ts";
import { type Comparison, compareAll } from "../cluster/model/compare-values.ts";
import { keySlot } from "../cluster/model/slots.ts";
import { leftOf, type Value } from "../cluster/model/value.ts";
import type { RedisClient } from "../redis/types.ts";
import { shownKey } from "./errors.ts";
import { readValues, scanPages } from "./read.ts";
import type { Master, Routes } from "./routes.ts";

/** What a comparison of a server with a cluster gave. */
export interface KeyComparison {
  readonly compared: number;
  /** Sentences: the first hundred. */
  readonly differences: readonly string[];
}

/** Keys that are compared together. */
const TOGETHER = 64;
const MOST_DIFFERENCES = 100;
/** Longest wait for the cluster where slots move while it is compared, in milliseconds. */
const RECOVERY_MS = 30_000;

/**
 * Compares keys of a server with those of a cluster: value and rest of its life.
 *
 * @param every each how many-th key is compared: 1 for all of them
 */
export async function compareKeys(source: RedisClient, routes: Routes, every: number, signal?: AbortSignal): Promise<KeyComparison> {
  const differences: string[] = [];
  let seen = 0;
  let compared = 0;
  for await (const page of scanPages(source)) {
    const picked = page.filter(() => seen++ % every === 0);
    for (let at = 0; at < picked.length; at += TOGETHER) {
      signal?.throwIfAborted();
      const readings = await readValues(source, { keys: picked.slice(at, at + TOGETHER), bytes: 0 }, "at-once");
      const values = readings.flatMap((reading) => (reading.kind === "value" ? [reading.value] : []));
      compared += values.length;
      for (const [value, found] of await compareWhereverTheyAre(values, source, routes, signal)) {
        const difference = differenceOf(value, found);
        if (difference !== undefined && differences.length < MOST_DIFFERENCES) differences.push(`${shownKey(value.key)} ${difference}`);
      }
    }
  }
  return { compared, differences };
}

/** The same, with redirections followed. */
async function compareWhereverTheyAre(
  values: readonly Value[],
  source: RedisClient,
  routes: Routes,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Value, Comparison>> {
  const found = new Map<Value, Comparison>();
  let open = values;
  return waitFor(
    async () => {
      const groups = new Map<Master | undefined, Value[]>();
      for (const value of open) {
        const owner = routes.ownerOf(keySlot(value.key));
        groups.set(owner, [...(groups.get(owner) ?? []), value]);
      }
      for (const [master, group] of groups) {
        if (master === undefined) continue;
        const comparisons = await compareAt(master, group, source, routes);
        for (const [index, comparison] of comparisons.entries()) {
          const value = group[index];
          if (value !== undefined && comparison.kind !== "elsewhere") found.set(value, comparison);
        }
      }
      open = open.filter((value) => !found.has(value));
      if (open.length === 0) return { done: true, value: found };
      await routes.look(RECOVERY_MS, signal);
      return { done: false, missing: `${open.length} keys whose slots are on their way` };
    },
    { what: "the cluster to be compared with", timeoutMs: RECOVERY_MS, signal },
  );
}

/** None where the master gives no answer: it is asked again, or the master that comes after it. */
async function compareAt(master: Master, values: readonly Value[], source: RedisClient, routes: Routes): Promise<readonly Comparison[]> {
  try {
    const { client } = await routes.connectionTo(master);
    return await compareAll(
      values.map((value) => ({ value, asking: false })),
      source,
      client,
    );
  } catch (error) {
    if (!isLabError(error) || source.closed) throw error;
    routes.drop(master);
    return [];
  }
}

function differenceOf(value: Value, found: Comparison): string | undefined {
  switch (found.kind) {
    case "same":
      return undefined;
    case "absent":
    case "elsewhere":
      return leftOf(value) === undefined ? undefined : "is not in the cluster";
    case "differs":
      return found.in === "value" ? "has another value in the cluster" : "has another rest of its life in the cluster";
    default:
      return found satisfies never;
  }
}
