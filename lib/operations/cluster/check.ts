import { discover } from "../../cluster/discover.ts";
import { mastersOf, type SlotFix } from "../../cluster/fix.ts";
import { health } from "../../cluster/health.ts";
import { openMoves } from "../../cluster/journal.ts";
import { diagnose } from "../../cluster/repair.ts";
import { countSlots } from "../../cluster/slots.ts";
import { ownSlots } from "../../cluster/topology.ts";
import type { ClusterFinding } from "../../cluster/types.ts";
import type { SlotRange } from "../../redis/types.ts";
import { type ClusterOptions, withCluster } from "./session.ts";

/** A node of a cluster, for people. */
export interface NodeRow {
  readonly instance: string;
  readonly address: string;
  readonly nodeId: string;
  readonly role: "master" | "replica";
  /** Instance or node id of its master. */
  readonly master: string | undefined;
  readonly slots: readonly SlotRange[];
  readonly slotCount: number;
  readonly configEpoch: number;
  /** In database 0. */
  readonly keys: number;
  readonly replicas: number;
  readonly version: string;
}

export interface CheckReport {
  readonly lab: string;
  readonly target: string;
  readonly nodes: readonly NodeRow[];
  readonly findings: readonly ClusterFinding[];
  /** Slots that a `fix` would put right, with what it would do. */
  readonly faults: readonly { readonly slot: number; readonly what: string; readonly verdict: string }[];
  /** Moves that did not come to their end. */
  readonly openMoves: readonly { readonly verb: string; readonly begun: string; readonly slots: number }[];
  readonly ok: boolean;
}

/** Everything that is not right with the cluster as it runs, whatever was declared: `status` and `plan` compare with the declaration. */
export async function checkRunning(options: ClusterOptions): Promise<CheckReport> {
  return withCluster(options, async ({ session, known }) => {
    const { members } = await discover(known, session.access);
    const { topology, cluster, fixes, unreachable } = await diagnose(members, session.access);
    const lost = unreachable.map(
      (id): ClusterFinding => ({ code: "unreachable", severity: "problem", instance: id, text: `${id} owns slots and can't be reached.` }),
    );
    const findings = [...lost, ...health(topology, cluster)];
    const open = (await openMoves(session.paths.journalFolder)).map(({ verb, begun, open: slots }) => ({ verb, begun, slots: slots.size }));
    const masters = mastersOf(cluster);
    return {
      lab: session.lab.name,
      target: session.target,
      nodes: cluster.live.map((node) => ({
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
        version: node.version,
      })),
      findings,
      faults: fixes.map(faultOf),
      openMoves: open,
      ok: findings.every(({ severity }) => severity === "note") && fixes.length === 0 && open.length === 0,
    };
  });
}

function faultOf({ case: found, verdict }: SlotFix): CheckReport["faults"][number] {
  const names = (nodes: readonly { readonly node: { readonly id: string } }[]) => nodes.map(({ node }) => node.id).join(", ");
  const what = [
    found.owners.length === 0
      ? "no master owns it"
      : `${found.owners.map(({ id }) => id).join(" and ")} ${found.owners.length === 1 ? "owns it" : "own it"}`,
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
  }
}
