import { addNode } from "../../../operations/cluster/members.ts";
import type { VerbContext } from "../../context.ts";
import { changeOptions, type PlanOptions, showChange } from "./change.ts";

export function run(
  context: VerbContext,
  options: PlanOptions & { readonly replicaOf?: string; readonly replica?: boolean },
  [node = ""]: readonly string[],
): Promise<number> {
  const replicaOf = options.replicaOf ?? (options.replica === true ? "any" : undefined);
  return showChange(context, options, (emit) => addNode({ ...changeOptions(context, options), emit, node, replicaOf }));
}
