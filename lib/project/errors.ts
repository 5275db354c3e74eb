import { LabError, messageOf } from "../error.ts";

export function noLabsFile(from: string): LabError {
  return new LabError({
    code: "project.no-labs-file",
    what: `No labs file above ${from}.`,
    why: "redis-lab looks for stacks/labs.ts, stacks/labs.js, labs.ts or labs.js in this folder and its parents.",
    next: "Change into the project, or name the file: redis-lab VERB LAB --labs FILE",
  });
}

export function unreadableLabsFile(file: string, cause: unknown): LabError {
  return new LabError({
    code: "project.unreadable-labs-file",
    what: `${file} can't be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
    next: "Mend the file and run the command again.",
    cause,
  });
}

export function scaffoldInTheWay(folder: string, files: readonly string[]): LabError {
  return new LabError({
    code: "project.in-the-way",
    what: `${folder} already has ${files.join(", ")}.`,
    why: "A new project overwrites nothing, so none of its files was written.",
    next: "Name another folder: redis-lab init FOLDER",
  });
}

export function notScaffolded(folder: string, cause: unknown): LabError {
  return new LabError({
    code: "project.not-scaffolded",
    what: `No project could be made in ${folder}: ${messageOf(cause)}`,
    next: "Name a folder that can be written to: redis-lab init FOLDER",
    cause,
  });
}

export function noSuchLab(name: string, known: readonly string[], file: string): LabError {
  return new LabError({
    code: "project.no-such-lab",
    what: `There is no lab "${name}" in ${file}.`,
    next: known.length === 0 ? "Export one: export const mine = defineLab({ … })" : `Its labs are: ${known.join(", ")}.`,
  });
}

export function sameLoopback(first: string, second: string, network: string): LabError {
  return new LabError({
    code: "project.same-loopback",
    what: `The labs "${first}" and "${second}" both use ${network} on this computer.`,
    why: "Each lab has a loopback network of its own, so that several run at once.",
    next: "Give one of them another `network.loopback`.",
  });
}

export function corruptFile(file: string, why: string, next: string): LabError {
  return new LabError({
    code: "project.corrupt-file",
    what: `${file} is not what redis-lab wrote: ${why}.`,
    why: "Nothing was touched: going on could lose what the file should say.",
    next,
  });
}

export function locked(lab: string, owner: string): LabError {
  return new LabError({
    code: "project.locked",
    what: `Another redis-lab works on "${lab}": ${owner}.`,
    why: "Two of them at once would undo each other's steps.",
    next: "Wait for it to end, or stop it, and run the command again.",
  });
}

export function twoLiveTargets(lab: string, targets: readonly string[]): LabError {
  return new LabError({
    code: "project.two-live-targets",
    what: `"${lab}" is up on ${targets.join(" and ")}.`,
    next: `Say which one is meant: ${targets.map((target) => `--target ${target}`).join(" or ")}.`,
  });
}

export function missingPassword(where: string, next: string): LabError {
  return new LabError({ code: "secrets.missing", what: `No password: ${where}.`, next });
}

/** `why` never repeats what is in the file. */
export function unusablePublicKey(file: string, why: string, cause?: unknown): LabError {
  return new LabError({
    code: "project.public-key-file",
    what: `The public key of the VMs can't be taken from ${file}: ${why}.`,
    next: "Name the .pub file of your key as `libvirt.publicKeyFile`, or leave the field out, and the lab gets a key of its own.",
    cause,
  });
}
