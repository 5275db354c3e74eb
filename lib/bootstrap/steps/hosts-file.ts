import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Step } from "../step.ts";
import { CALLERS_COMPUTER } from "./run-or-fail.ts";

/** The names of the lab's hosts in /etc/hosts, in a block of its own. */
export const hostsFile: Step = {
  name: "hosts-file",
  notApplicable: CALLERS_COMPUTER,
  check: (facts, wanted) => fileChanges(facts, wanted, "hosts-file"),
  apply: applyFiles,
};
