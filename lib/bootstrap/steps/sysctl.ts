import { sh } from "../../connection/quote.ts";
import { formerSysctlPaths, sysctlPath } from "../../render/host-files.ts";
import type { HostFacts } from "../facts.ts";
import { applyFiles, fileChanges, giveBack } from "../managed-file.ts";
import { labOfFile } from "../ownership.ts";
import type { Change } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** Kernel settings, at once and at every boot. */
export const sysctl: Step = {
  name: "sysctl",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    return [
      ...fileChanges(facts, wanted, "sysctl"),
      ...formerFiles(facts, wanted).map(
        (path): Change => ({
          step: "sysctl",
          subject: path,
          reason: "obsolete",
          summary: `remove ${path}, ${path === sysctlPath(wanted.os, wanted.placement.lab.name) ? "as the lab has no kernel settings any more" : "which is read too early"}`,
        }),
      ),
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
    const obsolete = changes.filter(({ reason }) => reason === "obsolete").map(({ subject }) => subject);
    if (obsolete.length > 0) await runOrFail(connection, "sysctl", sh`${giveBack(obsolete)}`, { title: "remove a former file" });
    const values = context.wanted.placement.lab.os.sysctl;
    const before = changes.flatMap(({ subject }) => {
      const value = context.facts.sysctl.get(subject)?.value;
      return value === undefined ? [] : [[subject, value] as const];
    });
    // What the kernel had comes back when the lab goes.
    if (before.length > 0)
      await context.applied.update(connection, (stamp) => ({ ...stamp, kernel: { ...Object.fromEntries(before), ...stamp.kernel } }));
    for (const { subject } of changes) {
      const value = values[subject];
      if (value === undefined) continue;
      const path = `/proc/sys/${subject.replaceAll(".", "/")}`;
      await runOrFail(connection, "sysctl", sh`printf '%s\n' ${value} > ${path}`, { title: `set ${subject}` });
    }
  },
};

/** Files of this lab where redis-lab kept the settings before, and the file of settings that the lab has no more. */
function formerFiles(facts: HostFacts, { os, placement, files }: HostWanted): readonly string[] {
  const { name } = placement.lab;
  return [...formerSysctlPaths(os), sysctlPath(os, name)].filter(
    (path) => labOfFile(facts.files.get(path)) === name && !files.some((file) => file.path === path),
  );
}

/** What cannot be set where we are; a container has the values of its computer. `doctor` compares them. */
export function sysctlNotes(facts: HostFacts, wanted: HostWanted): readonly string[] {
  const readOnly = differing(facts, wanted)
    .filter(({ writable }) => !writable)
    .map(({ name, value, wanted: to }) =>
      value === undefined
        ? `${name} could not be set: this kernel does not have it`
        : `${name} could not be set: it is ${value} and read-only here; ${to} is written for the next boot`,
    );
  return [...readOnly, ...contradictions(facts, wanted)];
}

/** Lines of others that win over ours: those of files that are read later, and those of /etc/sysctl.conf, which procps reads last whenever it is asked to. */
function contradictions({ sysctlLines }: HostFacts, { files, placement }: HostWanted): readonly string[] {
  const ours = files.find(({ step }) => step === "sysctl")?.path;
  if (ours === undefined) return [];
  return sysctlLines.flatMap(({ path, line, name, value }) => {
    const wanted = placement.lab.os.sysctl[name];
    if (wanted === undefined || value === String(wanted) || path.includes("redis-lab")) return [];
    const says = `line ${line} of ${path} says ${name} = ${value}, the lab ${wanted}:`;
    if (path === "/etc/sysctl.conf")
      return [`${says} \`sysctl -p\` and \`sysctl --system\` set that one; remove the line, or change os.sysctl`];
    return path > ours
      ? [`${says} that file is read after ${ours}, so its value comes back with the next boot; remove the line, or change os.sysctl`]
      : [];
  });
}

function differing(facts: HostFacts, wanted: HostWanted) {
  return Object.entries(wanted.placement.lab.os.sysctl).flatMap(([name, to]) => {
    const now = facts.sysctl.get(name);
    return now?.value === String(to) ? [] : [{ name, wanted: to, value: now?.value, writable: now?.writable ?? false }];
  });
}
