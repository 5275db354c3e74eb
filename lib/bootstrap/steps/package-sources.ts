import { sh } from "../../connection/quote.ts";
import { osSystemOf } from "../../lab/os.ts";
import type { HostFacts } from "../facts.ts";
import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Change } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/**
 * Gives a release that is at its end of life package sources that still exist. Its other source files name dead servers, and one that does not answer
 * fails every install, so they are moved aside.
 */
export const packageSources: Step = {
  name: "package-sources",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    const ours = filesOf(wanted);
    if (ours.length === 0) return [];
    return [
      ...fileChanges(facts, wanted, "package-sources"),
      ...facts.repositories
        .filter((path) => !ours.includes(path))
        .map(
          (path): Change => ({ step: "package-sources", subject: path, reason: "obsolete", summary: `move ${path} to ${path}.disabled` }),
        ),
    ];
  },
  async apply(connection, changes, context) {
    for (const { subject } of changes.filter(({ reason }) => reason === "obsolete")) {
      // A second time, when an update has brought it back, another one is there already.
      await runOrFail(connection, "package-sources", sh`mv -f --backup=numbered -- ${subject} ${`${subject}.disabled`}`, {
        title: "move a source aside",
      });
    }
    await applyFiles(connection, changes, context);
  },
};

/** Sources of another architecture are left as they are: whatever they are, ours would be worse. */
export function packageSourcesNotes(facts: HostFacts, { placement }: HostWanted): readonly string[] {
  const archived = osSystemOf(facts.os)?.archived;
  if (archived === undefined || archived.arch === facts.arch || placement.lab.os.yumMirrors.length === 0) return [];
  return [
    `${archived.sourcesFile} stays as it is: os.yumMirrors are trees of ${archived.arch}, and this host is ${facts.arch}, whose packages are in other trees (altarch) under another key`,
  ];
}

function filesOf(wanted: HostWanted): readonly string[] {
  return wanted.files.filter(({ step }) => step === "package-sources").map(({ path }) => path);
}
