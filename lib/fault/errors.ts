import { LabError } from "../base/error.ts";
import { oneOf } from "../base/list.ts";
import { didYouMean } from "../base/nearest.ts";

export function unknownFault(name: string, known: readonly string[]): LabError {
  return new LabError({
    code: "fault.unknown-fault",
    kind: "usage",
    what: `There is no fault "${name}"${didYouMean(name, known) || "."}`,
    next: `The faults are: ${known.join(", ")}. What each does: redis-lab fault LAB --list`,
  });
}

export function unknownOption(fault: string, option: string, takes: readonly string[]): LabError {
  return new LabError({
    code: "fault.option-not-of-this-fault",
    kind: "usage",
    what: `${fault} has no ${option}.`,
    next: takes.length === 0 ? "Leave it out." : `It takes ${takes.join(", ")}.`,
  });
}

export function noDuration(fault: string, why: string): LabError {
  return new LabError({
    code: "fault.no-duration",
    kind: "usage",
    what: `${fault} has no --for: ${why}.`,
    next: "Leave it out.",
  });
}

/** The target lacks what the fault needs. */
export function targetCannot(fault: string, target: string, needs: string, others: readonly string[]): LabError {
  return new LabError({
    code: "fault.target-cannot",
    kind: "refused",
    what: `${fault} can't be made on the target ${target}: it needs ${needs}.`,
    next: others.length === 0 ? "No target has that yet." : `The target ${oneOf(others)} can: --target ${others[0] ?? ""}`,
  });
}

/** A fault that takes the same thing is not undone. */
export function openAlready(fault: string, open: string, touched: readonly string[], lab: string): LabError {
  return new LabError({
    code: "fault.open-already",
    kind: "refused",
    what: `${fault} can't be made on ${touched.join(", ")}: ${open} is not undone there, and the end of one would end the other too.`,
    next: `Undo it: redis-lab heal ${lab}`,
  });
}

/** A host lacks it. Nothing was noted down or made anywhere. */
export function hostCannot(lab: string, fault: string, host: string, why: string): LabError {
  return new LabError({
    code: "fault.host-cannot",
    kind: "refused",
    what: `${fault} can't be made on ${host}: ${why}.`,
    next: `Nothing was made on any host. See what the fault needs: redis-lab fault ${lab} --list`,
  });
}

export function noBus(layout: string): LabError {
  return new LabError({
    code: "fault.no-bus",
    kind: "usage",
    what: `--bus-only: the layout ${layout} has no bus.`,
    next: "Leave it out, or take a lab with a cluster.",
  });
}

export function clientLeftOut(option: string): LabError {
  return new LabError({
    code: "fault.client-left-out",
    kind: "usage",
    what: `client is named as a side, and ${option} leaves the lab's clients out.`,
    next: "Leave one of them out.",
  });
}

export function noClient(): LabError {
  return new LabError({
    code: "fault.no-client",
    kind: "refused",
    what: "client: clients of the lab may be anywhere on this target.",
    next: "The target netns gives them an address: --target netns",
  });
}

export function wrongCount(fault: string, wanted: string, given: number): LabError {
  return new LabError({
    code: "fault.wrong-targets",
    kind: "usage",
    what: given === 0 ? `${fault}: whom it is to meet is missing.` : `${fault} takes ${wanted}, and ${given} were given.`,
    next: "For example: redis-lab fault LAB hang redis-28. Roles are targets, too: master-of:slot:5000, replica-of:redis-18, minority, all-masters.",
  });
}

export function unknownTarget(target: string, why: string, next: string): LabError {
  return new LabError({ code: "fault.unknown-target", kind: "usage", what: `${target}: ${why.endsWith("?") ? why : `${why}.`}`, next });
}

/** A role that nobody has at this moment. */
export function nobodyHas(target: string, why: string): LabError {
  return new LabError({
    code: "fault.no-such-role-now",
    kind: "refused",
    what: `${target}: ${why}.`,
    next: "See who has which role: redis-lab status LAB",
  });
}

export function nothingRuns(fault: string, touched: readonly string[]): LabError {
  return new LabError({
    code: "fault.nothing-runs",
    kind: "refused",
    what: `${fault}: nothing of the lab runs there: ${touched.join(", ")}.`,
    next: "Start it: redis-lab up LAB",
  });
}

/** It could not be made; what was made of it was undone, or is named. */
export function notMade(fault: string, host: string, why: string, left: readonly string[]): LabError {
  return new LabError({
    code: "fault.not-made",
    kind: "environment",
    what: `${fault} could not be made on ${host}: ${why}.`,
    ...(left.length > 0 && { why: `It was not undone on ${left.join(", ")}.` }),
    next: left.length > 0 ? "Undo it: redis-lab heal LAB" : "What was made of it was undone. See what runs: redis-lab status LAB",
  });
}

/** A lab that is kept for more than experiments is not broken without a question. */
export function notDisposable(lab: string, command: string): LabError {
  return new LabError({
    code: "fault.not-disposable",
    kind: "refused",
    what: `The lab "${lab}" is not marked as disposable: nothing was touched.`,
    why: "A fault takes servers away and may lose what they hold; there is no terminal to ask on.",
    next: `Say --yes: ${command} --yes. Or, in the labs file of a lab that is for experiments: disposable: true`,
  });
}

/** Faults that are open where a verb needs none. */
export function notHealed(lab: string, failures: readonly { readonly host: string; readonly error: string }[]): LabError {
  return new LabError({
    code: "fault.not-healed",
    kind: "environment",
    what: failures.map(({ host, error }) => `${host}: ${error}`).join("; "),
    next: `Once more: redis-lab heal ${lab}`,
  });
}
