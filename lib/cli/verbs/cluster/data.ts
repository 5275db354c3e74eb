import { isLabError, LabError } from "../../../base/error.ts";
import { readPrivateFile } from "../../../base/private-file.ts";
import { backUp, checkBackup, importInto, restore as restoreFrom } from "../../../operations/cluster/transfer.ts";
import {
  formatBackup,
  formatBackupCheck,
  formatImport,
  formatRestore,
  importDocument,
  restoreDocument,
} from "../../../report/cluster/transfer.ts";
import { say } from "../../../report/print.ts";
import { printResult, type ReportContext, type VerbContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { readSecret } from "../../secret.ts";
import { type ThrottleFlags, throttleOf } from "./throttle.ts";

// Verbs that bring keys into a cluster, or out of it.

interface Folder {
  readonly folder: string;
}

interface SourcePassword {
  readonly fromPasswordFile: string | undefined;
  readonly fromAskpass: boolean;
}

export async function importKeys(
  context: ReportContext<"cluster import">,
  options: ThrottleFlags &
    SourcePassword & {
      readonly from: string;
      readonly copy: boolean;
      readonly replace: boolean;
      readonly databases: readonly number[] | "all" | undefined;
      readonly fromUser: string | undefined;
      readonly thisNode: boolean;
      readonly server: string | undefined;
    },
): Promise<number> {
  const password = await passwordOf(options, context);
  const throttle = throttleOf(options);
  const { from, databases } = options;
  const report = await withProgress(context, ({ emit }) =>
    importInto({
      ...context,
      emit,
      now: () => new Date(),
      from,
      mode: options.copy ? "copy" : "move",
      conflict: options.replace ? "replace" : "keep",
      ...(databases !== undefined && { databases }),
      ...(throttle !== undefined && { throttle }),
      ...(options.thisNode && { clusterSource: "this-node" as const }),
      user: options.fromUser,
      password,
      server: options.server,
    }),
  );
  printResult(context, importDocument(report), formatImport(context.lab.name, report));
  return report.left.length === 0 ? EXIT.done : EXIT.failed;
}

export async function backup(
  context: ReportContext<"cluster backup">,
  options: { readonly check: boolean; readonly load: boolean; readonly server: string | undefined },
  { folder }: Folder,
): Promise<number> {
  const common = { ...context, now: () => new Date(), folder };
  if (options.check) {
    const { load: deep, server } = options;
    const report = await withProgress(context, ({ emit }) => checkBackup({ ...common, emit, deep, server }));
    printResult(context, report, formatBackupCheck(report));
    return report.findings.length === 0 ? EXIT.done : EXIT.failed;
  }
  const report = await withProgress(context, ({ emit }) => backUp({ ...common, emit }));
  printResult(context, report, formatBackup(report));
  return EXIT.done;
}

export async function restore(
  context: ReportContext<"cluster restore">,
  options: ThrottleFlags & { readonly replace: boolean; readonly compare: number | "all"; readonly server: string | undefined },
  { folder }: Folder,
): Promise<number> {
  const { replace, compare: sample, server } = options;
  const throttle = throttleOf(options);
  const report = await withProgress(context, ({ emit }) =>
    restoreFrom({ ...context, emit, now: () => new Date(), folder, replace, sample, throttle, server }),
  );
  printResult(context, restoreDocument(report), formatRestore(context.lab.name, report));
  return report.findings.length === 0 ? EXIT.done : EXIT.failed;
}

/** Never from the command line: what stands there is seen by everybody on this computer. */
async function passwordOf({ fromPasswordFile, fromAskpass }: SourcePassword, context: VerbContext): Promise<string | undefined> {
  if (fromPasswordFile !== undefined) return (await readPasswordFile(fromPasswordFile)).replace(/\r?\n$/, "");
  if (!fromAskpass || process.stdin.isTTY !== true) return context.environment["REDIS_LAB_FROM_PASSWORD"];
  say("Password of the source: ");
  return readSecret(process.stdin, process.stderr, context.signal);
}

function readPasswordFile(file: string): Promise<string> {
  return readPrivateFile(file).catch((error: NodeJS.ErrnoException) => {
    if (isLabError(error)) throw error;
    throw new LabError({
      code: "cli.no-password-file",
      kind: "usage",
      what: `${file} can't be read: ${error.code ?? error.message}.`,
      next: "Name a file that holds the password of the source and nothing else: --from-password-file FILE.",
    });
  });
}
