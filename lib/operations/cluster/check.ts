import { byCount } from "../../base/text.ts";
import { type CorruptJournal, readJournals } from "../../cluster/apply/journal.ts";
import { type AbsentMember, absentMembers } from "../../cluster/findings/absent.ts";
import { isWell, judgeCluster } from "../../cluster/findings/judge.ts";
import { countSlots, eachSlot } from "../../cluster/model/slots.ts";
import { mastersOf, ownSlots } from "../../cluster/model/topology.ts";
import type { ClusterFinding } from "../../cluster/model/types.ts";
import { type ClusterView, observeClusterView } from "../../cluster/model/view.ts";
import type { SlotFix } from "../../cluster/plan/fix.ts";
import type { SlotRange } from "../../redis/types.ts";
import { type ClusterOptions, type ClusterSession, lookAtCluster } from "./session.ts";

/** A node of a cluster, for people. */
export interface NodeRow {
  readonly instance: string;
  /** `ADDRESS:PORT`. */
  readonly address: string;
  readonly nodeId: string;
  readonly role: "master" | "replica";
  /** Instance or node id of its master. */
  readonly master: string | undefined;
  readonly slots: readonly SlotRange[];
  readonly slotCount: number;
  readonly configEpoch: number;
  /** Keys in database 0. */
  readonly keys: number;
  /** How many replicate it. */
  readonly replicas: number;
  /** Of Redis. */
  readonly version: string;
}

export interface CheckReport {
  readonly lab: string;
  readonly target: string;
  /** Of the cluster, as far as they answer. */
  readonly nodes: readonly NodeRow[];
  /** Members that give no answer: declared, or known to the others. */
  readonly absent: readonly AbsentMember[];
  readonly findings: readonly ClusterFinding[];
  /** Slots that a `fix` would put right, with what it would do. */
  readonly faults: readonly { readonly slot: number; readonly what: string; readonly verdict: string }[];
  /** Moves that did not come to their end. */
  readonly openMoves: readonly {
    readonly verb: string;
    /** ISO time. */
    readonly begun: string;
    /** How many have not arrived. */
    readonly slots: number;
  }[];
  /** There is no finding beyond a note, no such slot and no such move. */
  readonly ok: boolean;
}

/** Everything that is not right with the running cluster, and with what the lab declares of it. @throws LabError `cluster.nothing-answers` */
export async function checkRunning(options: ClusterOptions): Promise<CheckReport> {
  return lookAtCluster(options, checkCluster);
}

/** The same in a session. */
export async function checkCluster({ session, known, declaration }: ClusterSession): Promise<CheckReport> {
  const view = await observeClusterView(known, session.access);
  // With it comes all that repairs and moves slots, which other verbs that read have no use for.
  const { slotFaultsIn } = await import("../../cluster/apply/fix.ts");
  const { fixes, hopeless } = await slotFaultsIn(view, session.access);
  const journals = await readJournals(session.paths.journalFolder);
  const findings = [...judgeCluster(view, declaration), ...journals.corrupt.map((each) => findingOf(each, session.lab.name))];
  const openMoves = journals.moves.map(({ verb, begun, open: slots }) => ({ verb, begun, slots: slots.size }));
  // Of slots of a lost master its finding tells, and `fix` leaves them alone.
  const lost = new Set(hopeless.flatMap((each) => [...eachSlot(each.lost.slots)]));
  const faults = fixes.filter(({ case: { slot } }) => !lost.has(slot)).map(faultOf);
  return {
    lab: session.lab.name,
    target: session.target,
    nodes: nodeRows(view),
    absent: absentMembers(view.topology),
    findings,
    faults,
    openMoves,
    ok: isWell(findings) && faults.length === 0 && openMoves.length === 0,
  };
}

/** The nodes of the cluster. */
function nodeRows({ topology, cluster }: ClusterView): NodeRow[] {
  const masters = mastersOf(cluster);
  return cluster.live.map((node) => ({
    instance: node.id,
    address: `${node.member.address}:${node.member.port}`,
    nodeId: node.nodeId,
    role: node.self.role === "replica" ? "replica" : "master",
    master: node.self.masterId === undefined ? undefined : (topology.instanceOf(node.self.masterId) ?? node.self.masterId),
    slots: ownSlots(node),
    slotCount: countSlots(ownSlots(node)),
    configEpoch: node.myEpoch,
    keys: node.keys,
    replicas: masters.includes(node) ? cluster.live.filter(({ self }) => self.masterId === node.nodeId).length : 0,
    version: node.version.text,
  }));
}

function findingOf({ file, line, reason }: CorruptJournal, lab: string): ClusterFinding {
  return {
    code: "corrupt-journal",
    severity: "problem",
    instance: undefined,
    text: `Line ${line} of ${file} can't be read (${reason}): it is the journal of a move that did not come to its end.`,
    next: `\`redis-lab cluster fix ${lab}\` needs no journal, and sets this one aside when every slot is right.`,
  };
}

function faultOf({ case: found, verdict }: SlotFix): CheckReport["faults"][number] {
  const names = (nodes: readonly { readonly node: { readonly id: string } }[]) => nodes.map(({ node }) => node.id).join(", ");
  const what = [
    found.owners.length === 0
      ? "no master owns it"
      : `${found.owners.map(({ id }) => id).join(" and ")} ${byCount(found.owners.length, "owns it", "own it")}`,
    ...(found.migrating.length > 0 ? [`migrating at ${names(found.migrating)}`] : []),
    ...(found.importing.length > 0 ? [`importing at ${names(found.importing)}`] : []),
    ...(found.holders.length > 0 ? [`keys at ${found.holders.map(({ node, keys }) => `${node.id} (${keys})`).join(", ")}`] : []),
  ].join("; ");
  return { slot: found.slot, what, verdict: describeVerdict(verdict) };
}

function describeVerdict(verdict: SlotFix["verdict"]): string {
  switch (verdict.kind) {
    case "finish":
      return `finish the move to ${verdict.target.id}`;
    case "keep":
      return `keep it at ${verdict.owner.id}`;
    case "contested":
      return `give it to ${verdict.owner.id}, whose config epoch is the highest`;
    case "uncovered":
      return `give it to ${verdict.owner.id}, ${{ belief: "whom the others take for its owner", keys: "which has the most keys of it", open: "which has an end of a move", fewest: "which has the fewest slots" }[verdict.by]}`;
    default:
      return verdict satisfies never;
  }
}
