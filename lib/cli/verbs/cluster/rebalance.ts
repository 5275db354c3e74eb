import { badRequest } from "../../../cluster/errors.ts";
import { rebalancePlan } from "../../../cluster/plan-moves.ts";
import { type LoadKind, slotLoads } from "../../../operations/cluster/loads.ts";
import type { VerbContext } from "../../context.ts";
import { type MoveOptions, runChange } from "./change.ts";

interface Options extends MoveOptions {
  readonly weight?: readonly string[];
  readonly threshold?: number;
  readonly useEmptyMasters?: boolean;
  readonly simulate?: boolean;
  readonly by?: LoadKind;
}

export function run(context: VerbContext, options: Options): Promise<number> {
  const weights = new Map((options.weight ?? []).map(weightOf));
  return runChange(
    context,
    { ...options, dryRun: options.dryRun === true || options.simulate === true },
    "rebalance",
    async (look, { session }) => {
      const loads = await slotLoads(options.by ?? "slots", look, session.access);
      return rebalancePlan(
        {
          weights,
          threshold: options.threshold ?? 2,
          useEmptyMasters: options.useEmptyMasters ?? false,
          ...(loads !== undefined && { loads }),
        },
        look,
      );
    },
  );
}

function weightOf(text: string): readonly [string, number] {
  const at = text.lastIndexOf("=");
  const weight = Number(text.slice(at + 1));
  if (at < 1 || text.slice(at + 1).trim() === "" || Number.isNaN(weight))
    throw badRequest(`"${text}" is no weight.`, "Write --weight NODE=NUMBER, for example --weight redis-18=2.");
  return [text.slice(0, at), weight];
}
