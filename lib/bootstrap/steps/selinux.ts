import { sh } from "../../connection/quote.ts";
import { buildsFolder } from "../host-paths.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";

/**
 * Programs labelled so that systemd may run them: with the label of /apps RHEL 8 ends with 203/EXEC. They run as unconfined_service_t where the policy allows that transition under
 * NoNewPrivileges (7.5 and later, by its sources); where it does not they stay in init_t, which RHEL 7 does not confine either.
 */
const LABEL = "bin_t";

export const selinux: Step = {
  name: "selinux",
  notApplicable: CALLERS_COMPUTER,
  check(facts, { host, build }) {
    if (facts.selinux === "disabled") return [];
    // A new build is new files: they need the label again.
    const labelled = facts.label?.split(":")[2] === LABEL && (build === undefined || facts.build?.key === build.key);
    const subject = buildsFolder(host.paths);
    return labelled
      ? []
      : [
          {
            step: "selinux",
            subject,
            reason: "different",
            summary: `label the programs in ${subject} as ${LABEL}, by a lasting rule where semanage is there`,
          },
        ];
  },
  async apply(connection, _changes, { wanted }) {
    const folder = buildsFolder(wanted.host.paths);
    const pattern = `${folder.replaceAll(".", "\\.")}(/.*)?`;
    // Where semanage is absent or refuses (a path for which the policy has another rule) the label is lost on a relabel of the file system, which is better than none.
    const script = sh`if command -v semanage >/dev/null 2>&1 &&
  { semanage fcontext -a -t ${LABEL} ${pattern} 2>/dev/null || semanage fcontext -m -t ${LABEL} ${pattern}; }
then restorecon -RF ${folder}
else chcon -R -t ${LABEL} ${folder}; fi`;
    await runOrFail(connection, "selinux", script, { title: "label the programs", timeoutMs: 120_000 });
  },
};
