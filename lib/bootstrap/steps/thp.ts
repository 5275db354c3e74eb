import { sh } from "../../connection/quote.ts";
import { THP_FILE, thpUnit, thpUnitPath } from "../../render/host-files.ts";
import type { HostFacts } from "../facts.ts";
import { applyFiles, fileChanges, giveBack } from "../managed-file.ts";
import { hasBlock, takeBlockOut } from "../own-block.ts";
import { labOfFile } from "../ownership.ts";
import type { Change } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/**
 * Transparent huge pages, at once and at every boot. The value is written to the kernel and nothing is started for it: rc.local runs at boot alone, as a restart of its unit would end what it
 * started then and run all of it again.
 */
export const thp: Step = {
  name: "thp",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    return [
      ...fileChanges(facts, wanted, "thp"),
      ...unitChanges(facts, wanted),
      ...formerPlaces(facts, wanted),
      ...valueChanges(facts, wanted),
    ];
  },
  async apply(connection, changes, context) {
    const { facts, wanted } = context;
    const { name: lab, os } = wanted.placement.lab;
    const subjects = new Set(changes.map(({ subject }) => subject));
    await applyFiles(connection, changes, context);
    if (subjects.has(THP_FILE)) {
      const before = facts.thp?.mode;
      if (before !== undefined)
        await context.applied.update(connection, (stamp) => ({ ...stamp, kernel: { [THP_FILE]: before, ...stamp.kernel } }));
      const script = sh`printf '%s\n' ${os.transparentHugepages} > ${THP_FILE}`;
      await runOrFail(connection, "thp", script, { title: "set transparent huge pages" });
    }
    const unit = thpUnit(lab);
    const path = thpUnitPath(wanted.os, lab);
    // First what is to be there: whenever a run ends, the next boot sets them.
    if (hasUnit(wanted) && (subjects.has(unit) || subjects.has(path)))
      await runOrFail(connection, "thp", sh`systemctl daemon-reload && systemctl --quiet enable ${unit}`, { title: `enable ${unit}` });
    for (const { subject } of changes.filter(({ reason }) => reason === "obsolete")) {
      if (subject === path) await runOrFail(connection, "thp", removeThpUnit(path), { title: `remove ${unit}` });
      else await takeBlockOut(connection, facts, subject, lab, "thp");
    }
  },
};

/** Script that takes the unit away. Stopped, or systemd would list it as long as it runs itself; it has nothing that a stop would end. */
export function removeThpUnit(path: string): string {
  const unit = path.slice(path.lastIndexOf("/") + 1);
  return sh`systemctl --quiet disable ${unit} 2>/dev/null; systemctl stop ${unit} 2>/dev/null; ${giveBack([path])}; systemctl daemon-reload`;
}

function hasUnit(wanted: HostWanted): boolean {
  const path = thpUnitPath(wanted.os, wanted.placement.lab.name);
  return wanted.files.some((file) => file.path === path);
}

function unitChanges(facts: HostFacts, wanted: HostWanted): Change[] {
  if (!hasUnit(wanted)) return [];
  const unit = thpUnit(wanted.placement.lab.name);
  if (facts.thpUnit?.enabled !== true)
    return [
      { step: "thp", subject: unit, reason: "disabled", summary: `enable ${unit} for the next boots; systemd reads all its units again` },
    ];
  if (!facts.thpUnit.needsReload || fileChanges(facts, wanted, "thp").length > 0) return [];
  return [{ step: "thp", subject: unit, reason: "different", summary: `make systemd read ${unit} again` }];
}

/** Where the lab had the value for the boot before, and has it no more. */
function formerPlaces(facts: HostFacts, wanted: HostWanted): Change[] {
  const lab = wanted.placement.lab.name;
  const { rcLocal } = wanted.os;
  const isWanted = (path: string) => wanted.files.some((file) => file.path === path);
  const unit = thpUnitPath(wanted.os, lab);
  return [
    ...(!isWanted(rcLocal) && hasBlock(facts.files.get(rcLocal), lab)
      ? [{ step: "thp", subject: rcLocal, reason: "obsolete", summary: `take the lines of ${lab} out of ${rcLocal}` } as const]
      : []),
    ...(!isWanted(unit) && labOfFile(facts.files.get(unit)) === lab
      ? [{ step: "thp", subject: unit, reason: "obsolete", summary: `disable and remove ${unit}` } as const]
      : []),
  ];
}

function valueChanges(facts: HostFacts, wanted: HostWanted): Change[] {
  const mode = wanted.placement.lab.os.transparentHugepages;
  const now = facts.thp;
  if (mode === "leave" || now === undefined || now.mode === mode || !now.writable) return [];
  return [{ step: "thp", subject: THP_FILE, reason: "different", summary: `set transparent huge pages to ${mode} (are ${now.mode})` }];
}

export function thpNotes(facts: HostFacts, wanted: HostWanted): readonly string[] {
  const mode = wanted.placement.lab.os.transparentHugepages;
  if (mode === "leave" || facts.thp === undefined || facts.thp.mode === mode || facts.thp.writable) return [];
  return [`transparent huge pages could not be set: they are ${facts.thp.mode} and read-only here; ${mode} is written for the next boot`];
}
