import { sh } from "../../connection/quote.ts";
import { hostFolders, ownerOf } from "../host-paths.ts";
import type { Change } from "../plan.ts";
import { runOrFail, type Step } from "../step.ts";

/** The folders below the prefix with owner and mode. */
export const folders: Step = {
  name: "folders",
  notApplicable: undefined,
  check(facts, { placement, host }) {
    return hostFolders(host).flatMap(({ path, mode, owner }): Change[] => {
      const fact = facts.paths.get(path);
      if (fact === undefined) return [{ step: "folders", subject: path, reason: "absent", summary: `make ${path}` }];
      const wantedOwner = ownerOf(placement, owner);
      const right = fact.mode === mode && (wantedOwner === undefined || wantedOwner === `${fact.owner}:${fact.group}`);
      return right ? [] : [{ step: "folders", subject: path, reason: "wrong-owner-or-mode", summary: `set owner and mode of ${path}` }];
    });
  },
  async apply(connection, changes, { facts, wanted, applied }) {
    // Remembered before they are made: a run that is killed in between must not leave folders that nobody removes. What was there before us is never removed as a
    // whole, whatever the lab calls it. The record itself remembers those above the prefix.
    const made = changes.filter(({ reason, subject }) => reason === "absent" && !facts.paths.has(subject)).map(({ subject }) => subject);
    await applied.update(connection, (stamp) => ({ ...stamp, folders: [...new Set([...stamp.folders, ...made])].sort() }));
    const subjects = new Set(changes.map(({ subject }) => subject));
    const script = hostFolders(wanted.host)
      .filter(({ path }) => subjects.has(path))
      .map(({ path, mode, owner }) => {
        const name = ownerOf(wanted.placement, owner);
        const chown = name === undefined ? "" : sh` && chown ${name} ${path}`;
        return sh`mkdir -p -- ${path} && chmod ${mode.toString(8)} ${path}` + chown;
      });
    await runOrFail(connection, "folders", `umask 022\n${script.join(" &&\n")}`, { title: "make folders" });
  },
};
