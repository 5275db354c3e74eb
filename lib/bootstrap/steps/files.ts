import { applyFiles, fileChanges } from "../managed-file.ts";
import type { Step } from "../step.ts";

/** redis.conf and sentinel.conf of instances that do not run. What a running instance has read is changed by the operations, in an order that keeps the layout serving. */
export const files: Step = {
  name: "files",
  notApplicable: undefined,
  check: (facts, wanted) => fileChanges(facts, wanted, "files"),
  apply: applyFiles,
};
