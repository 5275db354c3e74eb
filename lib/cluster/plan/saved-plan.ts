import { createHash } from "node:crypto";
import * as v from "valibot";
import { actionSchema } from "../model/actions/index.ts";
import { editedPlan, stalePlan, unreadablePlan } from "../model/errors.ts";
import { formatRanges } from "../model/slots.ts";
import { CLUSTER_CHANGE_REASONS, type ClusterPlan } from "../model/types.ts";
import type { ClusterView } from "../model/view.ts";
import { plannedAction } from "./planned-action.ts";

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
export function basisOf({ cluster }: Pick<ClusterView, "cluster">): readonly string[] {
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

const word = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][\w.-]{0,100}$/, "is not a name"));
const schema = v.strictObject({
  format: v.literal(1),
  lab: word,
  target: word,
  verb: word,
  made: v.pipe(v.string(), v.isoTimestamp("is not a time")),
  basis: v.array(v.pipe(v.string(), v.regex(/^[\x20-\x7e]*$/, "is not a node of a cluster"))),
  actions: v.array(v.strictObject({ action: actionSchema(), reason: v.picklist(CLUSTER_CHANGE_REASONS), summary: v.string() })),
  digest: v.string(),
});

/**
 * A plan out of its file. What people are shown of its actions is made from them, and a text in the file that says anything else is refused: a person may have agreed to it. The digest finds
 * accidents only, as every writer can make one; what an edited plan may still do is decided by the check of its actions (assert-plan.ts).
 *
 * @throws LabError `cluster.unreadable-plan`, `cluster.edited-plan`
 */
export function parsePlan(text: string, file: string): SavedPlan {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw unreadablePlan(file, printable(`${v.getDotPath(issue) ?? "it"}: ${issue.message}`));
  }
  const plan = parsed.output;
  const actions = plan.actions.map(({ action, reason }) => plannedAction(action, reason));
  if (digestOf(plan) !== plan.digest || actions.some(({ summary }, index) => summary !== plan.actions[index]?.summary))
    throw editedPlan(file);
  return { ...plan, actions };
}

/** The reason quotes the file. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 300);
}

/** @throws LabError `cluster.stale-plan` where the cluster is not the one that the plan was made for */
export function assertFresh(plan: SavedPlan, view: ClusterView): void {
  const now = basisOf(view);
  const gone = plan.basis.filter((line) => !now.includes(line));
  const come = now.filter((line) => !plan.basis.includes(line));
  if (gone.length + come.length > 0) throw stalePlan(plan.made, gone, come);
}
