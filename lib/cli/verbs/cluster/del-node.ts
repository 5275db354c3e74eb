import { removeNode } from "../../../operations/cluster/members.ts";
import type { VerbContext } from "../../context.ts";
import { changeOptions, type PlanOptions, showChange } from "./change.ts";

export function run(context: VerbContext, options: PlanOptions, [node = ""]: readonly string[]): Promise<number> {
  return showChange(context, options, (emit) => removeNode({ ...changeOptions(context, options), emit, node }));
}
