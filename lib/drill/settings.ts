import type { HistoryHeader } from "./history.ts";

/** What a drill writes into `settings.drill` of its header, so that its history can be judged again. */
export interface DrillSettings {
  /** cluster-node-timeout, or down-after-milliseconds. */
  readonly timeoutMs: number;
  /** failover-timeout of sentinels; the time-out elsewhere. */
  readonly failoverMs: number;
  /** What is expected, as terms. */
  readonly expect: string;
  /** Why, with the sources. */
  readonly because: readonly string[];
}

/** What a header says of the drill, as far as it says it. Headers are hostile until checked. */
export function drillSettings({ settings }: Pick<HistoryHeader, "settings">): Partial<DrillSettings> {
  const said = settings["drill"];
  if (typeof said !== "object" || said === null) return {};
  const { timeoutMs, failoverMs, expect, because } = said as Record<string, unknown>;
  return {
    ...(isTime(timeoutMs) && { timeoutMs }),
    ...(isTime(failoverMs) && { failoverMs }),
    ...(typeof expect === "string" && { expect }),
    ...(Array.isArray(because) && { because: because.filter((each): each is string => typeof each === "string") }),
  };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
