import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import type { KeySpread } from "../../drill/load/settings.ts";
import { cleanLoads } from "../../operations/clean-loads.ts";
import { type LoadVerbOptions, loadLab } from "../../operations/load.ts";
import { formatCleaned, formatLoad, formatLoadProgress } from "../../report/load.ts";
import { say } from "../../report/print.ts";
import { printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

interface LoadFlags {
  readonly rate: number;
  readonly for: number;
  readonly writers: number | undefined;
  readonly keys: KeySpread;
  readonly keyCount: number;
  readonly size: number;
  readonly reads: number;
  readonly pipeline: number;
  readonly ttl: number | undefined;
  readonly wait: number | undefined;
  readonly minReplicas: number | undefined;
  readonly timeout: number;
  readonly client: string | undefined;
  readonly seed: number | undefined;
  readonly history: string | undefined;
  readonly keep: boolean;
  readonly clean: boolean;
}

/** A line of progress after so many seconds. */
const EVERY = 5;

export async function load(context: ReportContext<"load">, flags: LoadFlags): Promise<number> {
  const { for: forMs, timeout: timeoutMs, seed = randomInt(2 ** 31), history, keep, clean, minReplicas, client, ...request } = flags;
  let seconds = 0;
  const options: LoadVerbOptions = {
    ...context,
    emit: () => {},
    request: { ...request, forMs, timeoutMs, seed },
    history: history === undefined ? undefined : resolve(history),
    keep,
    minReplicas,
    client,
    onSecond(counts) {
      seconds += 1;
      if (!context.json && seconds % EVERY === 0) say(`${formatLoadProgress(seconds, counts)}\n`);
    },
    now: () => new Date(),
  };
  if (clean) {
    const cleaned = await cleanLoads(options);
    printResult(context, cleaned, formatCleaned(cleaned));
    return cleaned.ok ? EXIT.done : EXIT.failed;
  }
  const report = await loadLab(options);
  printResult(context, report, formatLoad(report, context));
  return report.ok ? EXIT.done : EXIT.failed;
}
