import { failbackPlan, replicatePlan, setTimeoutPlan } from "../../../cluster/plan/membership.ts";
import { drainPlan, reshardPlan } from "../../../cluster/plan/moves.ts";
import { createCluster } from "../../../operations/cluster/create.ts";
import { failOver } from "../../../operations/cluster/failover.ts";
import { type LoadKind, rebalanceBy } from "../../../operations/cluster/loads.ts";
import { addNode as addToCluster, removeNode, replaceNode as replaceInCluster, resetNode } from "../../../operations/cluster/members.ts";
import { formatChange } from "../../../report/cluster/change.ts";
import { confirm } from "../../confirm.ts";
import { printResult, type ReportContext, withProgress } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import { askAndChange, changeOptions, type MoveFlags, type PlanOptions, runChange, showChange } from "./change.ts";

// Verbs that change a running cluster, each with a plan that can be looked at first.

interface OneNode {
  readonly node: string;
}

export function create(context: ReportContext<"cluster create">, options: PlanOptions): Promise<number> {
  return showChange(context, options, (emit) => createCluster({ ...changeOptions(context, options), emit }));
}

export function reshard(
  context: ReportContext<"cluster reshard">,
  options: MoveFlags & { readonly from: string; readonly to: string; readonly slots: number; readonly yes: boolean },
): Promise<number> {
  const names = options.from
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const request = { from: names.includes("all") ? ("all" as const) : names, to: options.to, slots: options.slots };
  return askAndChange(context, options, "reshard", (look) => reshardPlan(request, look));
}

export function rebalance(
  context: ReportContext<"cluster rebalance">,
  options: MoveFlags & {
    readonly weight: readonly (readonly [node: string, weight: number])[];
    readonly threshold: number;
    readonly useEmptyMasters: boolean;
    readonly simulate: boolean;
    readonly by: LoadKind;
  },
): Promise<number> {
  const { weight, threshold, useEmptyMasters, simulate, by } = options;
  return runChange(context, { ...options, dryRun: options.dryRun || simulate }, "rebalance", (look, { session }) =>
    rebalanceBy({ by, weights: new Map(weight), threshold, useEmptyMasters }, look, session.access),
  );
}

export function drain(
  context: ReportContext<"cluster drain">,
  options: MoveFlags,
  { nodes }: { readonly nodes: readonly string[] },
): Promise<number> {
  return runChange(context, options, "drain", (look) => drainPlan(nodes, look));
}

export function addNode(
  context: ReportContext<"cluster add-node">,
  options: PlanOptions & { readonly replicaOf: string | undefined; readonly replica: boolean },
  { node }: OneNode,
): Promise<number> {
  const replicaOf = options.replicaOf ?? (options.replica ? "any" : undefined);
  return showChange(context, options, (emit) => addToCluster({ ...changeOptions(context, options), emit, node, replicaOf }));
}

export function delNode(context: ReportContext<"cluster del-node">, options: PlanOptions, { node }: OneNode): Promise<number> {
  return showChange(context, options, (emit) => removeNode({ ...changeOptions(context, options), emit, node }));
}

export async function replaceNode(
  context: ReportContext<"cluster replace-node">,
  options: MoveFlags,
  given: OneNode & { readonly by: string },
): Promise<number> {
  const report = await withProgress(context, ({ emit }) => replaceInCluster({ ...changeOptions(context, options), emit, ...given }));
  printResult(context, report, [report.joined, report.left].flatMap((each) => (each === undefined ? [] : [formatChange(each)])).join("\n"));
  return EXIT.done;
}

export function replicate(
  context: ReportContext<"cluster replicate">,
  options: PlanOptions,
  { node, master }: OneNode & { readonly master: string },
): Promise<number> {
  return runChange(context, options, "replicate", (look) => replicatePlan(node, master, look));
}

export function failover(
  context: ReportContext<"cluster failover">,
  options: PlanOptions & { readonly force: boolean; readonly takeover: boolean },
  { node }: OneNode,
): Promise<number> {
  const how = options.takeover ? "takeover" : options.force ? "force" : "planned";
  return showChange(context, options, (emit) => failOver({ ...changeOptions(context, options), emit, node, how }));
}

export function failback(context: ReportContext<"cluster failback">, options: PlanOptions): Promise<number> {
  return runChange(context, options, "failback", failbackPlan);
}

export async function reset(
  context: ReportContext<"cluster reset">,
  { flush, yes }: { readonly flush: boolean; readonly yes: boolean },
  { node }: OneNode,
): Promise<number> {
  await confirm(`Make an empty node of ${node}${flush ? " and delete its keys" : ""}?`, yes, context.signal);
  const report = await withProgress(context, ({ emit }) => resetNode({ ...context, emit, now: () => new Date(), node, flush }));
  printResult(
    context,
    report,
    `${report.instance} is empty and knows no other node${report.keys === 0 ? "" : `; ${report.keys} keys were deleted`}`,
  );
  return EXIT.done;
}

/** @param given `ms`: the node timeout in milliseconds */
export function setNodeTimeout(
  context: ReportContext<"cluster set-timeout">,
  options: PlanOptions,
  { ms }: { readonly ms: number },
): Promise<number> {
  return runChange(context, options, "set-timeout", (look) => setTimeoutPlan(ms, look));
}
