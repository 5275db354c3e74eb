import { replicatePlan } from "../../../cluster/membership.ts";
import type { VerbContext } from "../../context.ts";
import { type PlanOptions, runChange } from "./change.ts";

export function run(context: VerbContext, options: PlanOptions, [node = "", master = ""]: readonly string[]): Promise<number> {
  return runChange(context, options, "replicate", (look) => replicatePlan(node, master, look));
}
