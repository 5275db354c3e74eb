import { sh } from "../../connection/quote.ts";
import { applyFiles, fileChanges } from "../managed-file.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";

/** redis.conf and sentinel.conf of instances that do not run. What a running instance has read is changed by the operations, in an order that keeps the layout serving. */
export const files: Step = {
  name: "files",
  notApplicable: undefined,
  check: (facts, wanted) => fileChanges(facts, wanted, "files"),
  apply: applyFiles,
};

/** The names of the lab's hosts in /etc/hosts, in a block of its own. */
export const hostsFile: Step = {
  name: "hosts-file",
  notApplicable: CALLERS_COMPUTER,
  check: (facts, wanted) => fileChanges(facts, wanted, "hosts-file"),
  apply: applyFiles,
};

/** The file that makes logrotate take care of the logs, whether it is installed already or later. */
export const logRotation: Step = {
  name: "log-rotation",
  notApplicable: CALLERS_COMPUTER,
  check: (facts, wanted) => fileChanges(facts, wanted, "log-rotation"),
  async apply(connection, changes, context) {
    await runOrFail(connection, "log-rotation", sh`mkdir -p -- ${context.wanted.os.logrotateFolder}`, { title: "make a folder" });
    await applyFiles(connection, changes, context);
  },
};
