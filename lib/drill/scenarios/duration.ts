// `500ms`, `3s`, `0.4timeout`, `3timeout+5s`: how long a step of a drill takes, in terms of the lab's own times.

/** What durations are relative to, in milliseconds. */
export interface LabTimes {
  /** cluster-node-timeout or down-after-milliseconds. */
  readonly timeoutMs: number;
  /** failover-timeout of sentinels; the time-out elsewhere. */
  readonly failoverMs: number;
}

export type DrillDuration = string;

const PART = /^(?<number>\d+(?:\.\d+)?)(?<unit>ms|s|timeout|failover)$/;

/** Milliseconds; undefined for what is no duration. */
export function durationMs(text: DrillDuration, times: LabTimes): number | undefined {
  let sum = 0;
  for (const part of text.split("+")) {
    const { number, unit = "" } = PART.exec(part.trim())?.groups ?? {};
    if (number === undefined) return undefined;
    const factor = { ms: 1, s: 1_000, timeout: times.timeoutMs, failover: times.failoverMs }[unit] ?? 0;
    sum += Number(number) * factor;
  }
  return Math.round(sum);
}
