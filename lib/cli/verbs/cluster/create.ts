import { createCluster } from "../../../operations/cluster/create.ts";
import type { VerbContext } from "../../context.ts";
import type { PlanOptions } from "./change.ts";
import { changeOptions, showChange } from "./change.ts";

export function run(context: VerbContext, options: PlanOptions): Promise<number> {
  return showChange(context, options, (emit) => createCluster({ ...changeOptions(context, options), emit }));
}
