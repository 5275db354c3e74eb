import { reshardPlan } from "../../../cluster/plan-moves.ts";
import type { VerbContext } from "../../context.ts";
import { type MoveOptions, runChange } from "./change.ts";

export function run(
  context: VerbContext,
  options: MoveOptions & { readonly from?: string; readonly to?: string; readonly slots?: number },
): Promise<number> {
  const names = (options.from ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const request = { from: names.includes("all") ? ("all" as const) : names, to: options.to ?? "", slots: options.slots ?? 0 };
  return runChange(context, options, "reshard", (look) => reshardPlan(request, look));
}
