import { sh } from "../../connection/quote.ts";
import { THP_FILE } from "../../render/host-files.ts";
import type { HostFacts } from "../facts.ts";
import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Change } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** Transparent huge pages, at once and through rc.local at every boot. */
export const thp: Step = {
  name: "thp",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    const mode = wanted.placement.lab.os.transparentHugepages;
    const now = facts.thp;
    const differs = mode !== "leave" && now !== undefined && now.mode !== mode && now.writable;
    return [
      ...fileChanges(facts, wanted, "thp"),
      ...(differs
        ? [
            {
              step: "thp",
              subject: THP_FILE,
              reason: "different",
              summary: `set transparent huge pages to ${mode} (are ${now.mode})`,
            } as Change,
          ]
        : []),
    ];
  },
  async apply(connection, changes, context) {
    const { facts, wanted } = context;
    await applyFiles(connection, changes, context);
    if (changes.some(({ subject }) => subject === THP_FILE)) {
      const mode = wanted.placement.lab.os.transparentHugepages;
      const before = facts.thp?.mode;
      if (before !== undefined)
        await context.applied.update(connection, (stamp) => ({ ...stamp, kernel: { [THP_FILE]: before, ...stamp.kernel } }));
      await runOrFail(connection, "thp", sh`printf '%s\n' ${mode} > ${THP_FILE}`, { title: "set transparent huge pages" });
    }
    if (facts.systemd !== undefined && changes.some(({ subject }) => subject === wanted.os.rcLocal)) {
      // A generator makes the unit when the script is executable, and only on a reload; enabling it does nothing (systemd 219, rc-local-generator.c).
      const script = sh`systemctl daemon-reload && systemctl restart ${wanted.os.rcLocalUnit}`;
      await runOrFail(connection, "thp", script, { title: `start ${wanted.os.rcLocalUnit}` });
    }
  },
};

export function thpNotes(facts: HostFacts, wanted: HostWanted): readonly string[] {
  const mode = wanted.placement.lab.os.transparentHugepages;
  if (mode === "leave" || facts.thp === undefined || facts.thp.mode === mode || facts.thp.writable) return [];
  return [`transparent huge pages could not be set: they are ${facts.thp.mode} and read-only here; ${mode} is written for the next boot`];
}
