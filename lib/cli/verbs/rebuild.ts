import { bringDown } from "../../operations/down.ts";
import { bringUp } from "../../operations/up.ts";
import { rollHardware } from "../../operations/vms/hardware.ts";
import { rebuildsVms, rebuildVms } from "../../operations/vms/rebuild.ts";
import { formatDown } from "../../report/down.ts";
import { formatRebuild, formatRolling } from "../../report/rebuild.ts";
import { formatUp } from "../../report/up.ts";
import { confirm } from "../confirm.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function rebuild(
  context: ReportContext<"rebuild">,
  options: { readonly yes: boolean; readonly rolling: boolean },
): Promise<number> {
  const now = () => new Date();
  if (options.rolling) {
    const report = await withProgress(context, ({ emit }) => rollHardware({ ...context, emit, now }));
    printResult(context, report, formatRolling(report, context));
    return report.status?.healthy === false ? EXIT.failed : EXIT.done;
  }
  await confirm(`Wipe all data of "${context.lab.name}" on ${context.target} and bring it up again?`, options.yes, context.signal);
  if (rebuildsVms(context.target)) {
    const report = await withProgress(
      context,
      ({ emit }) => rebuildVms({ ...context, emit, now }),
      ({ failures, up }) => failures.length > 0 || (up?.failures.length ?? 0) > 0,
    );
    printResult(context, report, formatRebuild(report, context));
    return report.up?.ok === true ? EXIT.done : EXIT.failed;
  }
  const down = await withProgress(
    context,
    ({ emit }) => bringDown({ ...context, emit, remove: "state", now }),
    ({ failures }) => failures.length > 0,
  );
  if (down.failures.length > 0) {
    printResult(context, { down }, formatDown(down));
    return EXIT.failed;
  }
  const up = await withProgress(
    context,
    ({ emit }) => bringUp({ ...context, emit, now }),
    ({ failures }) => failures.length > 0,
  );
  printResult(context, { down, up }, formatUp(up, context));
  return up.ok ? EXIT.done : EXIT.failed;
}
