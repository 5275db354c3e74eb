import { controlInstances, hostOf, type InstanceAction } from "../../operations/instances.ts";
import { formatInstances } from "../../report/instances.ts";
import { printResult, type ReportContext, withProgress } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/** The verbs that touch instances alone, each by its action. */
export function instances(action: InstanceAction) {
  return async (
    context: ReportContext<InstanceAction>,
    _options: unknown,
    { instance }: { readonly instance: string },
  ): Promise<number> => {
    const report = await withProgress(
      context,
      ({ emit }) => controlInstances({ ...context, emit, action, reference: instance, now: () => new Date() }),
      () => false,
      [hostOf(instance)],
    );
    printResult(context, report, formatInstances(report));
    return EXIT.done;
  };
}
