import { failbackPlan } from "../../../cluster/membership.ts";
import type { VerbContext } from "../../context.ts";
import { type PlanOptions, runChange } from "./change.ts";

export function run(context: VerbContext, options: PlanOptions): Promise<number> {
  return runChange(context, options, "failback", failbackPlan);
}
