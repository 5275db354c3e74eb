import { setTimeout as delay } from "node:timers/promises";
import { withSession } from "../../operations/session.ts";
import { readStatus, type Status } from "../../operations/status.ts";
import { formatStatus } from "../../report/status.ts";
import { printResult, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly watch?: true | number }): Promise<number> {
  return withSession({ ...context, emit: () => {} }, async (session) => {
    const show = async (): Promise<Status> => {
      const status = await readStatus(session);
      const text = formatStatus(status, context);
      if (options.watch !== undefined && context.json) process.stdout.write(`${JSON.stringify(status)}\n`);
      else if (options.watch !== undefined && context.terminal) process.stdout.write(`\u001b[H\u001b[2J${text}\n`);
      else printResult(context, status, text);
      return status;
    };
    let status = await show();
    if (options.watch === undefined) return status.healthy ? EXIT.done : EXIT.failed;
    const seconds = options.watch === true ? 2 : Math.max(0.2, options.watch);
    // The pause is what the user asked for, not a wait for something.
    while (!context.signal.aborted) {
      await delay(seconds * 1000, undefined, { signal: context.signal }).catch(() => undefined);
      if (!context.signal.aborted) status = await show();
    }
    return EXIT.interrupted;
  });
}
