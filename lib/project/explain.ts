import { relative } from "node:path";
import { LabError, messageOf } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";
import { InvalidLabError, type LabFault } from "../lab/errors.ts";
import { unreadableLabsFile } from "./errors.ts";
import { locateFields, type Place, placeOfError } from "./locate.ts";

interface LabsFile {
  readonly file: string;
  /** Folder from which the command runs; places are shown relative to it. */
  readonly from: string;
  /** Folder of redis-lab's own code. */
  readonly own: string;
}

/** An error that a labs file ended with, with the lines in which it arose. */
export async function explainLabsFile(error: unknown, labsFile: LabsFile): Promise<LabError> {
  const place = placeOfError(error, labsFile.own);
  const parts = partsOf(error);
  if (parts === undefined) return unreadable(error, place, labsFile);
  const { lab, faults, ...props } = parts;
  if (faults === undefined)
    return new LabError({ ...props, what: place === undefined ? props.what : `${props.what} (${shown(place, labsFile)})`, cause: error });
  if (place === undefined) return new InvalidLabError(lab ?? "", faults);
  const placeOf = await locateFields(place);
  return new InvalidLabError(
    lab ?? "",
    faults.map((fault) => ({ ...fault, place: shown(placeOf(fault.path ?? []), labsFile) })),
  );
}

/** What of a LabError can be shown. The labs file may have loaded a second copy of redis-lab, whose classes are not ours. */
function partsOf(error: unknown): (LabError & { readonly lab?: string; readonly faults?: readonly LabFault[] }) | undefined {
  return error instanceof Error && error.name === "LabError" ? (error as LabError) : undefined;
}

function unreadable(error: unknown, place: Place | undefined, labsFile: LabsFile): LabError {
  const line = place === undefined ? undefined : shown(place, labsFile);
  const message = messageOf(error);
  const [, called] = /\(0 ?, ?_\w+\.(\w+)\) is not a function/.exec(message) ?? [];
  if (called !== undefined)
    return unreadableLabsFile(
      labsFile.file,
      `"${called}" is not exported by what it is imported from${meant(called)}`,
      line,
      undefined,
      error,
    );
  const [, unknown] = /^(\w+) is not defined$/.exec(message) ?? [];
  if (unknown !== undefined) {
    const hint = EXPORTS.includes(unknown) ? `Import it: import { ${unknown} } from "redis-lab";` : undefined;
    return unreadableLabsFile(labsFile.file, `"${unknown}" is not defined${hint === undefined ? meant(unknown) : ""}`, line, hint, error);
  }
  const [, module] = /^Cannot find module '([^']+)'/.exec(message) ?? [];
  if (module !== undefined) {
    const hint = didYouMean(module, ["redis-lab"]);
    return unreadableLabsFile(labsFile.file, `there is no module "${module}"${hint}`, line, undefined, error);
  }
  return unreadableLabsFile(labsFile.file, message, line, undefined, error);
}

/** What labs files import from redis-lab. */
const EXPORTS = ["defineLab", "numberedHosts"];

function meant(name: string): string {
  return didYouMean(name, EXPORTS);
}

function shown({ file, line }: Place, { from }: LabsFile): string {
  const path = relative(from, file);
  return `${path.startsWith("..") ? file : path}:${line}`;
}
