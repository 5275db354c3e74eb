import { moment } from "../../base/text.ts";
import type { ClusterNode } from "../../redis/types.ts";
import { acquaintances, type Component, clusterOf, type Topology } from "../model/topology.ts";
import type { ClusterFinding, ClusterMember } from "../model/types.ts";
import { type LostMaster, lostAdvice, lostFinding, lostMasters, lostText } from "./lost-masters.ts";

/** A member that could not be asked: declared, or known to the others. */
export interface AbsentMember {
  readonly instance: string;
  /** `ADDRESS:PORT`. */
  readonly address: string;
  /** Its role as the others know it, else the declared one. */
  readonly role: "master" | "replica" | "standby" | "unknown";
  /** Instance or node id of its master, as the others know it. */
  readonly master: string | undefined;
  /** Node id by which the others know it; undefined where none does. */
  readonly nodeId: string | undefined;
  readonly why: string;
  /** Nodes that answer, know it, and take it for failed (`fail`) or suspect it (`fail?`), by instance id. */
  readonly failedFor: readonly string[];
  readonly suspectedBy: readonly string[];
  /** How many nodes that answer know it. */
  readonly knownBy: number;
  /** Since when it owes the others an answer, in milliseconds since the epoch; undefined where none of them says so. */
  readonly silentSince: number | undefined;
}

/** Every member that gives no answer, in the order of the lab; discovered ones after them. Pure. */
export function absentMembers(topology: Topology): readonly AbsentMember[] {
  return topology.members.flatMap((member): AbsentMember[] => {
    const absence = topology.absent.get(member.id);
    if (absence === undefined) return [];
    const seen = [...topology.live.values()].flatMap((by) =>
      acquaintances(by.view).flatMap((line) => {
        const identity = topology.identify(line);
        return identity.kind === "member" && identity.member.id === member.id ? [{ by: by.id, line }] : [];
      }),
    );
    const line = seen[0]?.line;
    const having = (flag: string) => seen.filter((each) => each.line.flags.has(flag)).map(({ by }) => by);
    const since = seen.flatMap((each) => each.line.silentSince ?? []);
    return [
      {
        instance: member.id,
        address: `${member.address}:${member.port}`,
        role: roleOf(member, line),
        master: masterOf(topology, member, line),
        nodeId: line?.id,
        why: absence.why.replace(/[.]$/, ""),
        failedFor: having("fail"),
        suspectedBy: having("fail?"),
        knownBy: seen.length,
        silentSince: since.length === 0 ? undefined : Math.min(...since),
      },
    ];
  });
}

function roleOf({ role }: ClusterMember, line: ClusterNode | undefined): AbsentMember["role"] {
  if (line !== undefined) return line.role;
  const declared = { "cluster-master": "master", "cluster-replica": "replica", standby: "standby", discovered: "unknown" } as const;
  return declared[role.kind];
}

function masterOf(topology: Topology, { role }: ClusterMember, line: ClusterNode | undefined): string | undefined {
  if (line?.masterId !== undefined) return topology.instanceOf(line.masterId) ?? line.masterId;
  return line === undefined && role.kind === "cluster-replica" ? role.master : undefined;
}

/** What the others say of it: ` 4 of 5 nodes take it for failed, 1 suspects it; silent since 2026-11-30 21:13:04.`, or nothing. */
export function othersSay({ failedFor, suspectedBy, knownBy, silentSince }: AbsentMember): string {
  if (failedFor.length + suspectedBy.length === 0) return "";
  const counts = [
    ...(failedFor.length > 0 ? [`${failedFor.length} of ${knownBy} nodes that know it take it for failed (FAIL)`] : []),
    ...(suspectedBy.length > 0 ? [`${suspectedBy.length} of ${knownBy} suspect it (PFAIL)`] : []),
  ];
  return ` ${counts.join(", ")}${silentSince === undefined ? "" : `; silent since ${moment(silentSince)}`}.`;
}

/** Declared members that give no answer, and lost masters that nobody declared. Of one whose identity is gone the slots without an owner tell. */
export function absences(topology: Topology): ClusterFinding[] {
  const { absent, formed, members } = topology;
  const cluster = clusterOf(topology);
  const lost = formed === undefined ? [] : lostMasters(topology, formed);
  const standing = new Map(absentMembers(topology).map((each) => [each.instance, each]));
  const declared = members.flatMap(({ id, role }): ClusterFinding[] => {
    const absence = absent.get(id);
    const seen = standing.get(id);
    if (absence === undefined || seen === undefined || role.kind === "discovered") return [];
    const needed = role.kind !== "standby";
    if (absence.kind === "not-cluster-enabled")
      return [
        {
          code: "not-cluster-enabled",
          severity: needed ? "refuses" : "problem",
          instance: id,
          text: `${id} runs with cluster support switched off.`,
          next: "Restart it with `cluster-enabled yes`.",
        },
      ];
    const own = lost.find((each) => each.name === id && each.why !== "identity");
    const owns = own === undefined ? "" : ` ${lostText(own)}`;
    return [
      {
        code: "unreachable",
        severity: needed && formed === undefined ? "refuses" : "problem",
        instance: id,
        text: `${id} can't be looked at: ${seen.why}.${othersSay(seen)}${owns}`,
        next: absence.next ?? adviceOf(needed && formed === undefined && members.length - absent.size > 0, own),
      },
    ];
  });
  const strangers = lost
    .filter((each) => each.why !== "identity" && !declared.some(({ instance }) => instance === each.name))
    .map((each): ClusterFinding => {
      // Something else that answers there is no node to wait for.
      const { why, next } = absent.get(each.name) ?? {};
      const finding = lostFinding(each);
      return next === undefined ? finding : { ...finding, text: `${finding.text.replace(/[.]$/, "")}: ${why}`, next };
    });
  return [...declared, ...strangers, ...lonelyMasters(topology, cluster)];
}

/** @param forms the cluster is still to be formed, of this one as well */
function adviceOf(forms: boolean, lost: LostMaster | undefined): string {
  if (forms) return "A cluster is only formed while every one of its instances answers: start this one first (`redis-lab up LAB`).";
  const [heir] = lost?.heirs ?? [];
  if (lost !== undefined && lost.why === "silent" && heir !== undefined)
    return `${heir.id} replicates it and takes over by itself within some node timeouts. If it does not: ${lostAdvice(lost)}`;
  return lost === undefined ? "`redis-lab up LAB` starts it." : lostAdvice(lost);
}

/** Masters with slots of which no replica answers, where the lab declares replicas for the shard: what else is wrong says why, and this what hangs on it. */
function lonelyMasters({ members }: Topology, { live, formed }: Component): ClusterFinding[] {
  if (!formed) return [];
  return live.flatMap(({ id, nodeId, self, member: { role } }): ClusterFinding[] => {
    if (self.role !== "master" || self.slots.length === 0 || live.some((other) => other.self.masterId === nodeId)) return [];
    const alone =
      role.kind === "cluster-master" && !members.some((other) => other.role.kind === "cluster-replica" && other.role.master === id);
    if (alone || !members.some((other) => other.role.kind === "cluster-replica")) return [];
    return [
      {
        code: "master-alone",
        severity: "note",
        instance: id,
        text: `${id} has no replica that answers: with it its slots would be gone.`,
      },
    ];
  });
}
