import { restore } from "../../../operations/cluster/transfer.ts";
import { formatRestore, restoreDocument } from "../../../report/cluster/transfer.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { type ThrottleOptions, throttleOf } from "./throttle.ts";

interface Options extends ThrottleOptions {
  readonly replace?: boolean;
  readonly compare?: number | "all";
  readonly server?: string;
}

export async function run(context: VerbContext, options: Options, [folder = ""]: readonly string[]): Promise<number> {
  const report = await withProgress(context, ({ emit }) =>
    restore({
      ...context,
      emit,
      now: () => new Date(),
      folder,
      replace: options.replace ?? false,
      sample: options.compare,
      throttle: throttleOf(options),
      server: options.server,
    }),
  );
  printResult(context, restoreDocument(report), formatRestore(context.lab.name, report));
  return report.findings.length === 0 ? EXIT.done : EXIT.failed;
}
