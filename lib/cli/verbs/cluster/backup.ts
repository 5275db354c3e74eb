import { backUp, checkBackup } from "../../../operations/cluster/transfer.ts";
import { formatBackup, formatBackupCheck } from "../../../report/cluster/transfer.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";

interface Options {
  readonly check?: boolean;
  readonly load?: boolean;
  readonly server?: string;
}

export async function run(context: VerbContext, { check, load, server }: Options, [folder = ""]: readonly string[]): Promise<number> {
  const common = { ...context, now: () => new Date(), folder };
  if (check === true) {
    const report = await withProgress(context, ({ emit }) => checkBackup({ ...common, emit, deep: load ?? false, server }));
    printResult(context, report, formatBackupCheck(report));
    return report.findings.length === 0 ? EXIT.done : EXIT.failed;
  }
  const report = await withProgress(context, ({ emit }) => backUp({ ...common, emit }));
  printResult(context, report, formatBackup(report));
  return EXIT.done;
}
