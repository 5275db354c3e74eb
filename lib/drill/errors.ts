import { LabError } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";

/** A folder that is no history, or not one that this redis-lab reads. */
export function notAHistory(folder: string, why: string): LabError {
  return new LabError({
    code: "drill.not-a-history",
    kind: "usage",
    what: `${folder} is no history of a drill or a load that can be read: ${why}.`,
    next: "Give the folder that `redis-lab drill run` or `redis-lab load` named at its end; it holds header.json and operations.jsonl.",
  });
}

export function damagedHistory(file: string, line: number, why: string): LabError {
  return new LabError({
    code: "drill.damaged-history",
    kind: "refused",
    what: `${file}:${line} can't be read: ${why}.`,
    why: "A last line may be torn where its writer was killed; any other one that is not as it was written makes every count doubtful.",
    next: "Run the drill again, or restore the folder as it was written.",
  });
}

export function unknownDrill(name: string, known: readonly string[]): LabError {
  return new LabError({
    code: "drill.unknown",
    kind: "usage",
    what: `There is no drill "${name}"${didYouMean(name, known) || "."}`,
    next: "See them with `redis-lab drill list LAB`, or write your own: docs/experiments.md.",
  });
}

export function wrongExpectation(text: string, why: string): LabError {
  return new LabError({
    code: "drill.wrong-expectation",
    kind: "usage",
    what: `"${text}" is no expectation: ${why}.`,
    next: 'Write terms such as "lost=0,outage<20s,p99<50ms"; `redis-lab drill list --metrics` names what can be asked for.',
  });
}

export function invalidDrill(name: string, faults: readonly string[]): LabError {
  return new LabError({
    code: "drill.invalid",
    kind: "usage",
    what: `The drill "${name}" is not one that can be run: ${faults.join("; ")}.`,
    next: "Correct it where it is defined; docs/experiments.md shows one of ten lines.",
  });
}

export function noMasterToDrill(lab: string): LabError {
  return new LabError({
    code: "drill.no-master",
    kind: "refused",
    what: `${lab} has no master that answers.`,
    next: "Bring the lab up first: redis-lab up LAB",
  });
}

export function noTarget(words: readonly string[]): LabError {
  return new LabError({
    code: "drill.no-target",
    kind: "refused",
    what: `Nothing in the lab is "${words.join(" ")}" at this moment.`,
    next: "See the roles with `redis-lab status`, and choose a drill that fits them: `redis-lab drill list LAB`.",
  });
}
