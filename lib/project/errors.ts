import { LabError, messageOf } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";

/** @param named the file itself was named, and is not there */
export function noLabsFile(from: string, named: boolean): LabError {
  return new LabError({
    code: "project.no-labs-file",
    kind: named ? "usage" : "refused",
    what: `No labs file above ${from}.`,
    why: "redis-lab looks for stacks/labs.ts, stacks/labs.js, labs.ts or labs.js in this folder and its parents.",
    next: "Change into the project, or name the file: redis-lab VERB LAB --labs FILE",
  });
}

export function labsNotTrusted(file: string, why: string): LabError {
  return new LabError({
    code: "project.not-trusted",
    kind: "refused",
    what: `${file} was found and not run.`,
    why: `A labs file is a program, and others decide what is in this one: ${why}.`,
    next: `If you trust it, name it: --labs ${file} (or REDIS_LAB_LABS). Otherwise give it, and the folders above it, to your own user, and take the right to write them from others.`,
  });
}

/** @param why a clause with the path that is at fault */
export function notAFolderOfOurs(folder: string, why: string): LabError {
  return new LabError({
    code: "project.not-our-folder",
    kind: "refused",
    what: `Nothing is written to ${folder}: ${why}.`,
    why: "Another user of this computer could read what is written there, or have it written elsewhere.",
    next: "Name a folder of your own that is not there yet, or one that no other user can write and that is not a link: --out ~/rendered",
  });
}

/** @param line in which it arose, where that is known @param hint what is likely meant */
export function unreadableLabsFile(
  file: string,
  why: string,
  line: string | undefined,
  hint: string | undefined,
  cause: unknown,
): LabError {
  return new LabError({
    code: "project.unreadable-labs-file",
    kind: "refused",
    what: `${file} can't be loaded: ${why}${line === undefined ? "" : ` (${line})`}`,
    why: hint,
    next: "Fix the file and run the command again.",
    cause,
  });
}

/** @param exported names under which the two are exported */
export function sameName(name: string, exported: readonly [string, string], file: string): LabError {
  const [first, second] = exported;
  return new LabError({
    code: "project.same-name",
    kind: "refused",
    what: `${file} has two labs named "${name}"${first === second ? "" : `, exported as \`${first}\` and \`${second}\``}.`,
    why: "The name is what every verb and the folder of its state go by, so one of them could never be reached.",
    next: "Give one of them another `name`, and another `network.loopback`.",
  });
}

export function scaffoldInTheWay(folder: string, files: readonly string[]): LabError {
  return new LabError({
    code: "project.in-the-way",
    kind: "refused",
    what: `${folder} already has ${files.join(", ")}.`,
    why: "A new project overwrites nothing, so none of its files was written.",
    next: "Name another folder: redis-lab init FOLDER",
  });
}

export function notScaffolded(folder: string, cause: unknown): LabError {
  return new LabError({
    code: "project.not-scaffolded",
    kind: "environment",
    what: `No project could be made in ${folder}: ${messageOf(cause)}`,
    next: "Name a folder that can be written to: redis-lab init FOLDER",
    cause,
  });
}

export function noSuchLab(name: string, known: readonly string[], file: string): LabError {
  return new LabError({
    code: "project.no-such-lab",
    kind: "usage",
    what: `There is no lab "${name}" in ${file}${didYouMean(name, known) || "."}`,
    next: known.length === 0 ? "Export one: export const mine = defineLab({ … })" : `Its labs are: ${known.join(", ")}.`,
  });
}

export function sameLoopback(first: string, second: string, network: string): LabError {
  return new LabError({
    code: "project.same-loopback",
    kind: "refused",
    what: `The labs "${first}" and "${second}" both use ${network} on this computer.`,
    why: "Each lab has a loopback network of its own, so that several run at once.",
    next: "Give one of them another `network.loopback`.",
  });
}

export function corruptFile(file: string, why: string, next: string): LabError {
  return new LabError({
    code: "project.corrupt-file",
    kind: "refused",
    what: `${file} is not what redis-lab wrote: ${why}.`,
    why: "Nothing was touched: going on could lose what the file should say.",
    next,
  });
}

/** `wayOut`: how the lock gets free, with the commands. */
export function locked(lab: string, owner: string, wayOut: string): LabError {
  return new LabError({
    code: "project.locked",
    kind: "refused",
    what: `Another redis-lab works on "${lab}": ${owner}.`,
    why: "Two of them at once would undo each other's steps.",
    next: wayOut,
  });
}

export function twoLiveTargets(lab: string, targets: readonly string[]): LabError {
  return new LabError({
    code: "project.two-live-targets",
    kind: "usage",
    what: `"${lab}" is up on ${targets.join(" and ")}.`,
    next: `Say which one is meant: ${targets.map((target) => `--target ${target}`).join(" or ")}.`,
  });
}

export function missingPassword(where: string, next: string): LabError {
  return new LabError({ code: "secrets.missing", kind: "refused", what: `No password: ${where}.`, next });
}

/** `why` never repeats what is in the file. */
export function unusablePublicKey(file: string, why: string, cause?: unknown): LabError {
  return new LabError({
    code: "project.public-key-file",
    kind: "refused",
    what: `The public key of the VMs can't be taken from ${file}: ${why}.`,
    next: "Name the .pub file of your key as `libvirt.publicKeyFile`, or leave the field out, and the lab gets a key of its own.",
    cause,
  });
}
