import { sh } from "../../connection/quote.ts";
import { markRestart } from "../applied-record.ts";
import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Change } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";

/** One systemd unit per instance, enabled, with a drop-in of what only newer systemds know. */
export const units: Step = {
  name: "units",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    const written = fileChanges(facts, wanted, "units");
    const states = wanted.host.instances.flatMap(({ id, unit }): Change[] => {
      const state = facts.instances.get(id)?.unit;
      return [
        ...(state?.enabled
          ? []
          : [{ step: "units", subject: `${unit}.service`, reason: "disabled", summary: `enable ${unit}.service` } as const]),
        ...(state?.needsReload && written.length === 0
          ? [
              {
                step: "units",
                subject: `${unit}.service`,
                reason: "different",
                summary: `make systemd read ${unit}.service again`,
              } as const,
            ]
          : []),
      ];
    });
    const changes = [...written, ...states];
    const last = changes.at(-1);
    if (last === undefined || (last.reason === "different" && written.length === 0)) return changes;
    return [...changes.slice(0, -1), { ...last, summary: `${last.summary}; systemd reads all its units again` }];
  },
  async apply(connection, changes, context) {
    const { facts, wanted } = context;
    // The mark comes first: a run that is killed after the unit was written must not forget that the process still runs under the old one.
    for (const file of wanted.files.filter(({ step }) => step === "units")) {
      const changed = changes.some(({ subject, reason }) => subject === file.path && (reason === "different" || reason === "absent"));
      const instance = wanted.host.instances.find(({ id }) => id === file.instance);
      const process = facts.instances.get(file.instance ?? "")?.process;
      if (changed && instance !== undefined && process !== undefined) {
        await markRestart(connection, wanted.host, instance, process, "unit-changed");
      }
    }
    const dropIns = changes
      .filter(({ subject }) => subject.includes(".service.d/"))
      .map(({ subject }) => subject.slice(0, subject.lastIndexOf("/")));
    if (dropIns.length > 0) await runOrFail(connection, "units", sh`umask 022; mkdir -p -- ${dropIns}`, { title: "make folders of units" });
    await applyFiles(connection, changes, context);
    const enable = changes.filter(({ reason }) => reason === "disabled").map(({ subject }) => subject);
    const script = sh`systemctl daemon-reload` + (enable.length === 0 ? "" : sh` && systemctl --quiet enable ${enable}`);
    await runOrFail(connection, "units", script, { title: "systemctl daemon-reload" });
  },
};
