import { drainPlan } from "../../../cluster/plan-moves.ts";
import type { VerbContext } from "../../context.ts";
import { type MoveOptions, runChange } from "./change.ts";

export function run(context: VerbContext, options: MoveOptions, nodes: readonly string[]): Promise<number> {
  return runChange(context, options, "drain", (look) => drainPlan(nodes, look));
}
