import { fillDocument } from "../../engine/invocation.ts";
import { withSession } from "../../operations/session.ts";
import { readStatus } from "../../operations/status.ts";
import { formatStatus } from "../../report/status.ts";
import { printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function status(context: ReportContext<"status">, { watch }: { readonly watch: number | true | undefined }): Promise<number> {
  return withSession({ ...context, emit: () => {} }, async (session) => {
    const look = async () => fillDocument(await readStatus(session), context.invocation);
    if (watch !== undefined) {
      const { watchStatus } = await import("./watch.ts");
      return watchStatus(context, watch === true ? 2 : Math.max(0.2, watch), look);
    }
    const seen = await look();
    printResult(context, seen, formatStatus(seen, context));
    return seen.healthy ? EXIT.done : EXIT.failed;
  });
}
