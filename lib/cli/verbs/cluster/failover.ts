import { failOver } from "../../../operations/cluster/failover.ts";
import type { VerbContext } from "../../context.ts";
import { changeOptions, type PlanOptions, showChange } from "./change.ts";

export function run(
  context: VerbContext,
  options: PlanOptions & { readonly force?: boolean; readonly takeover?: boolean },
  [node = ""]: readonly string[],
): Promise<number> {
  const how = options.takeover === true ? "takeover" : options.force === true ? "force" : "planned";
  return showChange(context, options, (emit) => failOver({ ...changeOptions(context, options), emit, node, how }));
}
