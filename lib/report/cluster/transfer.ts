import { megabytes } from "../../base/text.ts";
import type { BackupReport } from "../../transfer/backup.ts";
import type { RestoreReport } from "../../transfer/restore.ts";
import type { ImportedKey, ImportReport } from "../../transfer/types.ts";
import type { BackupCheck } from "../../transfer/verify.ts";
import { colours as pc } from "../colours.ts";
import type { ImportDocument, KeyDocument, RestoreDocument } from "../documents.ts";

/** Keys that are shown one by one. */
const MOST_KEYS = 20;

export function formatImport(lab: string, report: ImportReport): string {
  const { counts, left, databases, seconds, bytes } = report;
  const others = databases.filter(({ imported }) => !imported);
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    ...left
      .slice(0, MOST_KEYS)
      .map(
        (each) =>
          `${pc.red(each.outcome.kind.padEnd(8))}  ${shown(each.key)}${each.database === 0 ? "" : ` of database ${each.database}`}: ${"why" in each.outcome ? each.outcome.why : ""}`,
      ),
    ...(left.length > MOST_KEYS ? [`          … and more`] : []),
    ...others.map(({ database, keys }) =>
      pc.yellow(`${keys} keys of database ${database} were left: a cluster has database 0 alone (--databases all merges them into it)`),
    ),
    `${lab}: ${parts.length === 0 ? "no keys" : parts.map(([kind, count]) => `${count} ${kind}`).join(", ")}, ${megabytes(bytes)} in ${seconds.toFixed(1)} s`,
  ].join("\n");
}

/** As JSON has it: keys are text where they are, base64 beside it. */
export function importDocument(report: ImportReport): ImportDocument {
  return { ...report, left: report.left.map(keyDocument) };
}

function keyDocument({ key, database, target, outcome }: ImportedKey): KeyDocument {
  return { key: key.toString(), base64: key.toString("base64"), database, target: target?.id, outcome };
}

export function formatBackup({ folder, manifest, bytes, seconds }: BackupReport): string {
  const keys = manifest.masters.reduce((sum, each) => sum + (each.keys ?? 0), 0);
  return [
    ...manifest.masters.map(({ instance, file, keys: own, bytes: size }) => `${file}  ${instance}  ${own ?? "?"} keys  ${size} bytes`),
    `${manifest.cluster}: ${keys} keys of ${manifest.masters.length} masters, ${megabytes(bytes)} in ${seconds.toFixed(1)} s, in ${folder}`,
  ].join("\n");
}

export function formatBackupCheck({ folder, manifest, findings, loaded }: BackupCheck): string {
  return [
    ...findings.map((text) => `${pc.red("problem")}  ${text}`),
    ...loaded.map(({ file, keys, slotsWithKeys }) => `${file}: ${keys} keys in ${slotsWithKeys} slots`),
    findings.length === 0
      ? pc.green(`${folder}: the backup of ${manifest.begun} is whole`)
      : pc.red(`${folder}: the backup of ${manifest.begun} is damaged`),
  ].join("\n");
}

export function formatRestore(lab: string, { keys, found, compared, findings, seconds }: RestoreReport): string {
  return [
    ...findings.map((text) => `${pc.red("problem")}  ${text}`),
    `${lab}: ${keys} keys restored in ${seconds.toFixed(1)} s; the masters have ${found}, ${compared} were compared`,
  ].join("\n");
}

export function restoreDocument(report: RestoreReport): RestoreDocument {
  return { ...report, files: Object.fromEntries([...report.files].map(([file, each]) => [file, importDocument(each)])) };
}

function shown(key: Buffer): string {
  return JSON.stringify(key.toString("latin1")).slice(0, 80);
}
