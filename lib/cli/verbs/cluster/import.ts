import { readFile } from "node:fs/promises";
import { importInto } from "../../../operations/cluster/transfer.ts";
import { formatImport, importDocument } from "../../../report/cluster/transfer.ts";
import { printResult, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { readSecret } from "../../secret.ts";
import { type ThrottleOptions, throttleOf } from "./throttle.ts";

interface Options extends ThrottleOptions {
  readonly from?: string;
  readonly copy?: boolean;
  readonly replace?: boolean;
  readonly databases?: string;
  readonly fromUser?: string;
  readonly fromPasswordFile?: string;
  readonly fromAskpass?: boolean;
  readonly thisNode?: boolean;
  readonly server?: string;
}

export async function run(context: VerbContext, options: Options): Promise<number> {
  const password = await passwordOf(options, context);
  const throttle = throttleOf(options);
  const report = await withProgress(context, ({ emit }) =>
    importInto({
      ...context,
      emit,
      now: () => new Date(),
      from: options.from ?? "",
      mode: options.copy === true ? "copy" : "move",
      conflict: options.replace === true ? "replace" : "keep",
      ...(options.databases !== undefined && {
        databases: options.databases === "all" ? ("all" as const) : options.databases.split(",").map(Number),
      }),
      ...(throttle !== undefined && { throttle }),
      ...(options.thisNode === true && { clusterSource: "this-node" as const }),
      user: options.fromUser,
      password,
      server: options.server,
    }),
  );
  printResult(context, importDocument(report), formatImport(context.lab.name, report));
  return report.left.length === 0 ? EXIT.done : EXIT.failed;
}

/** Never from the command line: what stands there is seen by everybody on this computer. */
async function passwordOf({ fromPasswordFile, fromAskpass }: Options, { environment, signal }: VerbContext): Promise<string | undefined> {
  if (fromPasswordFile !== undefined) return (await readFile(fromPasswordFile, "utf8")).replace(/\r?\n$/, "");
  if (fromAskpass !== true || process.stdin.isTTY !== true) return environment["REDIS_LAB_FROM_PASSWORD"];
  process.stderr.write("Password of the source: ");
  return readSecret(process.stdin, process.stderr, signal);
}
