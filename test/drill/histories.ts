import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventLine, FinalLine, FinalState, HistoryHeader, OperationLine } from "../../lib/drill/history.ts";
import { openHistory } from "../../lib/drill/reading/history-folder.ts";
import { judgeHistory } from "../../lib/drill/verdict/judge.ts";
import type { Judged } from "../../lib/drill/verdict/judged.ts";

/** A history as a test writes it. */
export interface WrittenHistory {
  readonly header?: Partial<HistoryHeader>;
  readonly operations: readonly OperationLine[];
  readonly events?: readonly EventLine[];
  /** Undefined where the run did not come to its end. */
  readonly final?: readonly FinalLine[] | undefined;
  readonly state?: FinalState | undefined;
}

export const HEADER: HistoryHeader = {
  format: 1,
  lab: "sentinel",
  target: "local",
  layout: "sentinel",
  version: "7.0.15",
  drill: "master-kill",
  seed: 1,
  startedAt: "2026-12-01T15:04:03.000Z",
  startedAtMicros: 0,
  writers: [
    { id: 0, shard: "mymaster" },
    { id: 1, shard: "mymaster" },
  ],
  settings: { drill: { timeoutMs: 1_000, failoverMs: 5_000, expect: "", because: [] } },
};

/** A master with a replica and a sentinel, all well. */
export const HEALTHY: FinalState = {
  format: 1,
  t: 20_000_000,
  healthy: true,
  problems: [],
  faultsLeft: [],
  instances: [
    {
      instance: "redis-18:6379",
      role: "replica",
      state: "up",
      master: "redis-28:6379",
      slots: "",
      link: "up",
      lagBytes: 0,
      fileRole: "replica",
      fileMaster: "redis-28:6379",
    },
    { instance: "redis-28:6379", role: "master", state: "up", master: "", slots: "", fileRole: "master" },
    {
      instance: "redis-38:26379",
      role: "sentinel",
      state: "up",
      master: "mymaster: redis-28:6379",
      slots: "",
      view: "mymaster=10.0.0.28:6379",
    },
  ],
};

/** Writes a history into a folder of its own. The caller removes it. */
export async function writeHistory({ header, operations, events = [], final, state }: WrittenHistory): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-history-"));
  const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");
  await writeFile(join(folder, "header.json"), JSON.stringify({ ...HEADER, ...header }));
  await writeFile(join(folder, "operations.jsonl"), lines(operations));
  await writeFile(join(folder, "events.jsonl"), lines(events));
  if (final !== undefined) await writeFile(join(folder, "final.jsonl"), lines(final));
  if (state !== undefined) await writeFile(join(folder, "state.json"), JSON.stringify(state));
  return folder;
}

export async function judged(history: WrittenHistory): Promise<Judged> {
  const folder = await writeHistory(history);
  try {
    return await judgeHistory(await openHistory(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A write with its outcome, ten microseconds later. */
export function write(o: number, t: number, v: number, k: "ok" | "fail" | "unknown" | "open" = "ok", w = 0): OperationLine[] {
  const invoke: OperationLine = { k: "invoke", o, t, w, op: "write", key: `load:{a}:${w}:${v}`, v };
  if (k === "open") return [invoke];
  return [invoke, k === "ok" ? { k, o, t: t + 10 } : { k, o, t: t + 10, error: "CLUSTERDOWN The cluster is down" }];
}
