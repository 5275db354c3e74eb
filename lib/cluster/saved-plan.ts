import { createHash } from "node:crypto";
import * as v from "valibot";
import { editedPlan, stalePlan, unreadablePlan } from "./errors.ts";
import type { ClusterLook } from "./look.ts";
import { formatRanges } from "./slots.ts";
import type { ChangeReason, ClusterAction, ClusterPlan } from "./types.ts";

/** A plan with what it was made for: it can be saved, reviewed, and applied as long as that has not changed. */
export interface SavedPlan {
  readonly format: 1;
  readonly lab: string;
  readonly target: string;
  /** `reshard`, `rebalance`, … */
  readonly verb: string;
  /** ISO time. */
  readonly made: string;
  /** The cluster that it was made for, one node a line. */
  readonly basis: readonly string[];
  readonly actions: ClusterPlan["actions"];
  /** SHA-256 of all the rest: plans are read and not written by people. */
  readonly digest: string;
}

/** What must not change between a plan and its application: who is there in which role, who owns which slots, what is open, and all config epochs. Pure. */
export function basisOf({ cluster }: Pick<ClusterLook, "cluster">): readonly string[] {
  const open = (slots: ReadonlyMap<number, string>) => [...slots].map(([slot, node]) => `${slot}:${node.slice(0, 8)}`).join(",");
  return cluster.live
    .map(({ id, nodeId, self, myEpoch }) =>
      [
        `${id} ${nodeId} ${self.role}${self.masterId === undefined ? "" : ` of ${self.masterId}`}`,
        ...(self.role === "master" ? [`epoch ${myEpoch}`, `slots ${formatRanges(self.slots)}`] : []),
        ...(self.migrating.size > 0 ? [`migrating ${open(self.migrating)}`] : []),
        ...(self.importing.size > 0 ? [`importing ${open(self.importing)}`] : []),
      ].join(", "),
    )
    .sort();
}

export function savePlan(plan: Omit<SavedPlan, "format" | "digest">): SavedPlan {
  const content = { format: 1 as const, ...plan };
  return { ...content, digest: digestOf(content) };
}

function digestOf({ format, lab, target, verb, made, basis, actions }: Omit<SavedPlan, "digest">): string {
  return createHash("sha256")
    .update(JSON.stringify([format, lab, target, verb, made, basis, actions]))
    .digest("hex");
}

const ranges = v.array(v.object({ first: v.number(), last: v.number() }));
const ids = v.array(v.string());
const action: v.GenericSchema<ClusterAction> = v.variant("kind", [
  v.object({ kind: v.literal("set-config-epoch"), instance: v.string(), epoch: v.number() }),
  v.object({ kind: v.literal("add-slots"), instance: v.string(), slots: ranges }),
  v.object({ kind: v.literal("forget"), instance: v.string(), nodeId: v.string() }),
  v.object({ kind: v.literal("meet"), seed: v.string(), instance: v.string() }),
  v.object({ kind: v.literal("await-joined"), instances: ids }),
  v.object({ kind: v.literal("replicate"), instance: v.string(), master: v.string() }),
  v.object({ kind: v.literal("await-formed"), instances: ids }),
  v.object({ kind: v.literal("forget-node"), leaving: v.string(), nodeId: v.string(), by: ids }),
  v.object({ kind: v.literal("reset"), instance: v.string() }),
  v.object({ kind: v.literal("fail-over"), master: v.string(), to: v.string() }),
  v.object({ kind: v.literal("take-over"), instance: v.string(), how: v.picklist(["force", "takeover"]) }),
  v.object({ kind: v.literal("set-node-timeout"), instance: v.string(), ms: v.number() }),
  v.object({ kind: v.literal("move-slots"), source: v.string(), target: v.string(), slots: ranges }),
  v.object({ kind: v.literal("claim-slots"), instance: v.string(), slots: ranges }),
  v.object({ kind: v.literal("disown-slots"), instance: v.string(), owner: v.string(), slots: ranges }),
  v.object({ kind: v.literal("gather-keys"), slot: v.number(), source: v.string(), target: v.string() }),
  v.object({ kind: v.literal("close-slots"), instance: v.string(), owner: v.string(), slots: ranges }),
]);
const schema = v.object({
  format: v.literal(1),
  lab: v.string(),
  target: v.string(),
  verb: v.string(),
  made: v.string(),
  basis: ids,
  actions: v.array(v.object({ action, reason: v.custom<ChangeReason>((value) => typeof value === "string"), summary: v.string() })),
  digest: v.string(),
});

/** @throws LabError `cluster.unreadable-plan`, `cluster.edited-plan` */
export function parsePlan(text: string, file: string): SavedPlan {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw unreadablePlan(file, `${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
  }
  if (digestOf(parsed.output) !== parsed.output.digest) throw editedPlan(file);
  return parsed.output;
}

/** @throws LabError `cluster.stale-plan` where the cluster is not the one that the plan was made for */
export function assertFresh(plan: SavedPlan, look: ClusterLook): void {
  const now = basisOf(look);
  const gone = plan.basis.filter((line) => !now.includes(line));
  const come = now.filter((line) => !plan.basis.includes(line));
  if (gone.length + come.length > 0) throw stalePlan(plan.made, gone, come);
}
