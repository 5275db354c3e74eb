import type { Attempt } from "../../base/wait.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { observeCluster } from "../model/observe.ts";
import { sameRanges } from "../model/slots.ts";
import { acquaintances, type LiveNode, readTopology, signatureOf } from "../model/topology.ts";
import type { ClusterMember } from "../model/types.ts";

/** One node that does not know another by its present id. */
export interface AcquaintanceGap {
  readonly from: LiveNode;
  readonly to: LiveNode;
}

/** What one node believes of another that this one does not say of itself any more. */
export interface Stale extends AcquaintanceGap {
  readonly what: "role" | "slots" | "config epoch";
}

/** What a look at some nodes gave, as a wait needs it. */
export interface Agreement {
  readonly nodes: readonly LiveNode[];
  /** Nodes that gave no usable answer, with the reason. */
  readonly silent: readonly string[];
  /** Those of them that can't be reached: they may be gone, and do not only load. `noticed`: all others take them for failed, so that the replica that is to take over does. */
  readonly gone: readonly { readonly id: string; readonly why: string; readonly noticed: boolean }[];
  readonly gaps: readonly AcquaintanceGap[];
  /** Acquaintances that lead nowhere: a node that is known at an address where it was not declared, or to which there is no link. */
  readonly astray: readonly string[];
  /** Nodes that another one believes to have failed. */
  readonly doubted: readonly string[];
  /** While a config epoch is among them, a slot that was given to a node now could be taken back by an older packet. */
  readonly stale: readonly Stale[];
}

/** Looks at some instances of the cluster and lists who does not know whom. */
export async function observeAgreement(
  instances: readonly string[],
  members: readonly ClusterMember[],
  access: InstanceAccess,
): Promise<Agreement> {
  const asked = members.filter(({ id }) => instances.includes(id));
  const topology = readTopology(await observeCluster(asked, access), asked);
  const nodes = [...topology.live.values()];
  const byNodeId = new Map(nodes.map((node) => [node.nodeId, node]));
  const known = nodes.flatMap((from) =>
    acquaintances(from.view).flatMap((line) => {
      const to = byNodeId.get(line.id);
      return to === undefined ? [] : [{ from, to, line }];
    }),
  );
  return {
    nodes,
    astray: known.flatMap(({ from, to, line }) => {
      const { address, port } = to.member;
      if (line.address !== "" && (line.address !== address || line.port !== port))
        return [`${from.id} knows ${to.id} as ${line.address}:${line.port}`];
      return line.linkState === "connected" ? [] : [`${from.id} has no link to ${to.id}`];
    }),
    doubted: known
      .filter(({ line: { flags } }) => flags.has("fail") || flags.has("fail?"))
      .map(({ from, to }) => `${from.id} believes that ${to.id} has failed`),
    stale: staleViews(nodes),
    silent: [...topology.absent].map(([id, { why }]) => `an answer of ${id} (${why})`),
    gone: asked.flatMap((member) => {
      const absence = topology.absent.get(member.id);
      return absence?.kind === "unreachable" ? [{ id: member.id, why: absence.why, noticed: isNoticed(member, nodes) }] : [];
    }),
    gaps: gapsBetween(nodes),
  };
}

function isNoticed({ address, port }: ClusterMember, nodes: readonly LiveNode[]): boolean {
  return nodes.every(({ view }) => view.every((line) => line.address !== address || line.port !== port || line.flags.has("fail")));
}

export function gapsBetween(nodes: readonly LiveNode[]): readonly AcquaintanceGap[] {
  return nodes.flatMap((from) => {
    const known = new Set(acquaintances(from.view).map(({ id }) => id));
    return nodes.filter(({ nodeId }) => !known.has(nodeId)).map((to) => ({ from, to }));
  });
}

/** Pure. */
export function staleViews(nodes: readonly LiveNode[]): readonly Stale[] {
  const present = new Map(nodes.map((to) => [to.nodeId, to]));
  return nodes.flatMap((from) =>
    acquaintances(from.view).flatMap((line): Stale[] => {
      const to = present.get(line.id);
      if (to === undefined || line.myself) return [];
      if (line.role !== to.self.role || line.masterId !== to.self.masterId) return [{ from, to, what: "role" }];
      if (!sameRanges(line.slots, to.self.slots)) return [{ from, to, what: "slots" }];
      return to.self.role === "master" && line.configEpoch < to.self.configEpoch ? [{ from, to, what: "config epoch" }] : [];
    }),
  );
}

export function gapText({ from, to }: AcquaintanceGap): string {
  return `${from.id} does not know ${to.id}`;
}

export function staleText({ from, to, what }: Stale): string {
  return `${from.id} has not heard of the ${what} of ${to.id}`;
}

/** Done when every node knows every other, at its declared address, and has a link to it. */
export function joined({ silent, gaps, astray, nodes }: Agreement): Attempt<readonly LiveNode[]> {
  if (silent.length > 0) return { done: false, missing: silent.join("; ") };
  if (gaps.length > 0) return { done: false, missing: listing(gaps, gapText) };
  if (astray.length > 0) return { done: false, missing: listing(astray, (text) => text) };
  return { done: true, value: nodes };
}

/** Done when every node knows every other, all tell the same of members, roles and slots, every slot is served and every replica is in step. */
export function formed(agreement: Agreement): Attempt<readonly LiveNode[]> {
  const look = joined(agreement);
  if (!look.done) return look;
  const { nodes } = agreement;
  const missing = [
    ...nodes
      .filter(({ masterLink, self }) => self.role === "replica" && masterLink !== "up")
      .map(({ id }) => `${id} is not in step with its master`),
    ...nodes.filter(({ clusterState }) => clusterState !== "ok").map(({ id }) => `${id} says cluster_state:fail`),
    ...agreement.doubted,
    ...agreement.stale.map(staleText),
  ];
  if (new Set(nodes.map(signatureOf)).size > 1) missing.push("one view of members, roles and slots on all nodes");
  return missing.length > 0 ? { done: false, missing: listing(missing, (text) => text) } : { done: true, value: nodes };
}

/** Why a cluster whose nodes all know each other does not agree: replicas that can't copy. */
export function outOfStep({ nodes }: Agreement): { readonly text: string; readonly next: string }[] {
  return nodes
    .filter(({ self, masterLink }) => self.role === "replica" && masterLink !== "up")
    .map(({ id, member }) => ({
      text: `${id} has its place in the cluster and can't copy from its master; most often masterauth differs from the master's requirepass.`,
      next: `The reason is in its log: \`redis-lab logs LAB ${member.host}\`.`,
    }));
}

/** The first three, and how many more. */
function listing<T>(all: readonly T[], text: (one: T) => string): string {
  return `${all.slice(0, 3).map(text).join("; ")}${all.length > 3 ? `; and ${all.length - 3} more` : ""}`;
}
