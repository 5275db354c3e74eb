import { moment } from "../base/text.ts";
import { FAULTS } from "../fault/faults.ts";
import { TARGET_FORMS } from "../fault/targets.ts";
import { FAULT_NAMES, FAULT_WORDS } from "../fault/words.ts";
import { TARGET_NAMES, TARGETS } from "../lab/targets.ts";
import type { OpenFault } from "../operations/fault.ts";
import type { FaultReport, HealVerbReport, OpenFaultsReport } from "../operations/fault-verbs.ts";

/** What there is to know of a fault before it is made. */
export interface ListedFault {
  readonly fault: string;
  readonly about: string;
  /** What it meets. */
  readonly of: "instances" | "hosts" | "sides";
  /** Targets on which it can be made. */
  readonly targets: readonly string[];
  /** What a host needs for it, beyond what redis-lab always needs. */
  readonly needs: string | undefined;
  /** How it is undone, and when. */
  readonly undone: string;
  /** Milliseconds; undefined where only `heal` ends it, or nothing is to be ended. */
  readonly defaultMs: number | undefined;
}

export function listFaults(): readonly ListedFault[] {
  return FAULT_NAMES.map((fault) => {
    const { of, needs, programs, undone: how, defaultMs, noDuration } = FAULTS[fault];
    const when = defaultMs === undefined ? "by `redis-lab heal LAB` or after `--for`" : `after ${defaultMs / 1000} s unless \`--for\``;
    const undone = noDuration === undefined ? `${how}, ${when}` : how;
    const targets = TARGET_NAMES.filter((target) => needs === undefined || needs.has(TARGETS[target]));
    return { fault, about: FAULT_WORDS[fault].about, of, targets, needs: programs, undone, defaultMs };
  });
}

const CLIENTS = { form: "client", about: "the lab's clients, on netns: of a partition alone" };

export function formatFaultList(faults: readonly ListedFault[]): string {
  return [
    ...faults.flatMap(({ fault, about, targets, needs, undone }) => [
      fault,
      `    ${about}`,
      `    targets: ${targets.join(", ")}${needs === undefined ? "" : `; it needs ${needs}`}`,
      `    undone: ${undone}`,
    ]),
    "",
    "Roles at that moment, as targets:",
    ...[...TARGET_FORMS, CLIENTS].map(({ form, about }) => `${form.padEnd(22)} ${about}`),
  ].join("\n");
}

export function formatFault({ lab, says, until, undoable }: FaultReport): string {
  const ends =
    until === undefined
      ? `Nothing undoes it by itself. To undo it: redis-lab heal ${lab}`
      : `Until ${moment(Date.parse(until))}, then the hosts heal themselves. Before that: redis-lab heal ${lab}`;
  return [...says, ...(undoable ? [ends] : []), `Look at what follows: redis-lab status ${lab} --watch`].join("\n");
}

export function formatOpenFaults({ lab, target, open }: OpenFaultsReport): string {
  if (open.length === 0) return `no fault is open on ${lab} (${target})`;
  return [...open.map((each) => describeFault(each)), `To undo: redis-lab heal ${lab}`].join("\n");
}

/** One line about a fault that is not undone. */
function describeFault({ fault, touched, begun, until, unarmed, unknown }: OpenFault): string {
  const ends = until === undefined ? "until it is healed" : `until ${moment(Date.parse(until))}`;
  const alone = unarmed.length === 0 ? "" : `; nothing waits for that on ${unarmed.join(", ")}`;
  return `${fault} of ${touched.join(", ")}, since ${moment(Date.parse(begun))}, ${ends}${alone}${unknown.length === 0 ? "" : `; ${unknown.join(", ")} can't be asked`}`;
}

export function formatHeal({ lab, healed, failures, putBack }: HealVerbReport): string {
  return [
    ...healed.map(({ fault, touched, hosts }) => `${fault} of ${touched.join(", ")} undone on ${hosts.join(", ")}`),
    ...(putBack.length === 0 ? [] : [`min-replicas-to-write of a load that was killed put back on ${putBack.join(", ")}`]),
    ...failures.map(({ host, error }) => `${host}: ${error}`),
    ...(failures.length > 0
      ? [`Once more: redis-lab heal ${lab}`]
      : healed.length + putBack.length === 0
        ? [`no fault was open on ${lab}`]
        : []),
  ].join("\n");
}
