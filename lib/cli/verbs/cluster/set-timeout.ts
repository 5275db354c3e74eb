import { setTimeoutPlan } from "../../../cluster/membership.ts";
import type { VerbContext } from "../../context.ts";
import { type PlanOptions, runChange } from "./change.ts";

export function run(context: VerbContext, options: PlanOptions, [ms = ""]: readonly string[]): Promise<number> {
  return runChange(context, options, "set-timeout", (look) => setTimeoutPlan(Number(ms), look));
}
