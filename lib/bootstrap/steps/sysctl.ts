import { sh } from "../../connection/quote.ts";
import type { HostFacts } from "../facts.ts";
import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Change } from "../plan.ts";
import type { Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";
import { CALLERS_COMPUTER, runOrFail } from "./run-or-fail.ts";

/** Kernel settings, at once and at every boot. */
export const sysctl: Step = {
  name: "sysctl",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    return [
      ...fileChanges(facts, wanted, "sysctl"),
      ...differing(facts, wanted)
        .filter(({ writable }) => writable)
        .map(
          ({ name, value, wanted: to }): Change => ({
            step: "sysctl",
            subject: name,
            reason: "different",
            summary: `set ${name} to ${to} (is ${value})`,
          }),
        ),
    ];
  },
  async apply(connection, changes, context) {
    await applyFiles(connection, changes, context);
    const values = context.wanted.placement.lab.os.sysctl;
    for (const { subject } of changes) {
      const value = values[subject];
      if (value === undefined) continue;
      const path = `/proc/sys/${subject.replaceAll(".", "/")}`;
      await runOrFail(connection, "sysctl", sh`printf '%s\n' ${value} > ${path}`, { title: `set ${subject}` });
    }
  },
};

/** What cannot be set where we are; a container has the values of its computer. `doctor` compares them. */
export function sysctlNotes(facts: HostFacts, wanted: HostWanted): readonly string[] {
  return differing(facts, wanted)
    .filter(({ writable }) => !writable)
    .map(({ name, value, wanted: to }) =>
      value === undefined
        ? `${name} could not be set: this kernel does not have it`
        : `${name} could not be set: it is ${value} and read-only here; ${to} is written for the next boot`,
    );
}

function differing(facts: HostFacts, wanted: HostWanted) {
  return Object.entries(wanted.placement.lab.os.sysctl).flatMap(([name, to]) => {
    const now = facts.sysctl.get(name);
    return now?.value === String(to) ? [] : [{ name, wanted: to, value: now?.value, writable: now?.writable ?? false }];
  });
}
