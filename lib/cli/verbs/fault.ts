import { notDisposable } from "../../fault/errors.ts";
import type { FaultOptions } from "../../fault/row.ts";
import { isFaultName } from "../../fault/words.ts";
import { faultLab, healLab, listOpenFaults } from "../../operations/fault-verbs.ts";
import { formatFault, formatFaultList, formatHeal, formatOpenFaults, listFaults } from "../../report/fault.ts";
import { canAsk, confirm } from "../confirm.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

interface Options extends FaultOptions {
  readonly list: boolean;
  readonly for: number | undefined;
  readonly yes: boolean;
}

export async function fault(
  context: ReportContext<"fault">,
  { list, for: forMs, yes, ...options }: Options,
  { fault: name, targets }: { readonly fault: string | undefined; readonly targets: readonly string[] },
): Promise<number> {
  if (list) {
    const faults = listFaults();
    printResult(context, { faults }, formatFaultList(faults));
    return EXIT.done;
  }
  const quiet = { ...context, emit: () => {} };
  if (name === undefined) {
    const report = await listOpenFaults(quiet);
    printResult(context, report, formatOpenFaults(report));
    return EXIT.done;
  }
  if (isFaultName(name)) await askFirst(context, `${name} ${targets.join(" ")}`, yes);
  const report = await faultLab({ ...quiet, request: { fault: name, targets, forMs, options } });
  printResult(context, report, formatFault(report));
  return EXIT.done;
}

/** What is not marked for experiments may be in use. */
async function askFirst({ lab, signal, target }: ReportContext<"fault">, what: string, yes: boolean): Promise<void> {
  if (lab.disposable || yes) return;
  if (!canAsk()) throw notDisposable(lab.name, `redis-lab fault ${lab.name} ${what}`);
  await confirm(`"${lab.name}" on ${target} is not marked as disposable, and may lose what it holds. Make ${what}?`, false, signal);
}

export async function heal(context: ReportContext<"heal">): Promise<number> {
  const report = await withProgress(
    context,
    ({ emit }) => healLab({ ...context, emit }),
    ({ failures }) => failures.length > 0,
  );
  printResult(context, report, formatHeal(report));
  return report.failures.length === 0 ? EXIT.done : EXIT.failed;
}
