import type { ClusterNode, EngineInstance, SlotRange } from "../../redis/types.ts";
import { selfOf } from "./observe.ts";
import { allocateSlots, eachSlot, formatRanges, rangesWhere, SLOT_COUNT } from "./slots.ts";
import type { ClusterMember, ClusterObservation, NodeObservation } from "./types.ts";

/** An address that used to belong to the lab: its node is a left-over, not a stranger. */
export type FormerMember = Pick<EngineInstance, "address" | "port"> & {
  /** Its name, where that is known. */
  readonly id?: string;
};

/** A member that answered, with what it said. */
export interface LiveNode extends Extract<NodeObservation, { reachable: true }> {
  readonly member: ClusterMember;
  readonly self: ClusterNode;
}

/** Who a line of CLUSTER NODES speaks of. */
export type Identity =
  /** A member: it answered with this node id, or it can't be reached and stands at this address. */
  | { readonly kind: "member"; readonly member: ClusterMember }
  /** The address of a member that answers with another node id, or no address any more: an identity that is gone. */
  | { readonly kind: "ghost"; readonly member: ClusterMember | undefined }
  | { readonly kind: "former"; readonly id: string | undefined }
  | { readonly kind: "stranger" };

/** Nodes that know each other, directly or through others. */
export interface Component {
  /** Live members, in the order of the lab. */
  readonly live: readonly LiveNode[];
  /** Node id of the owner by slot: what the owner says of itself, or where it can't be asked, what the others say. */
  readonly owners: readonly (string | undefined)[];
  /** Slots that two live nodes claim at once. */
  readonly contested: readonly SlotRange[];
  /**
   * True for a cluster that was complete once: every slot has an owner among its members, or something is there that only a complete cluster gets (a replica,
   * an open slot). In a formed cluster slots are never given to anyone.
   */
  readonly formed: boolean;
}

/** Why a member is not looked at as a node. */
export interface Absence {
  readonly kind: "unreachable" | "loading" | "not-cluster-enabled";
  readonly why: string;
  /** What to do, where to start it is no remedy. */
  readonly next?: string | undefined;
}

/** What an observation amounts to. */
export interface Topology {
  readonly observation: ClusterObservation;
  readonly members: readonly ClusterMember[];
  /** Members that belong in the cluster. */
  readonly wanted: readonly ClusterMember[];
  readonly live: ReadonlyMap<string, LiveNode>;
  /** Why a member is not in `live`, by instance id. */
  readonly absent: ReadonlyMap<string, Absence>;
  readonly components: readonly Component[];
  /** The cluster, where there is one. */
  readonly formed: Component | undefined;
  /** Slots that each declared master gets at create, by instance id. */
  readonly declaredSlots: ReadonlyMap<string, readonly SlotRange[]>;
  identify(node: ClusterNode): Identity;
  /** Instance id of a node id that some live member knows. */
  instanceOf(nodeId: string): string | undefined;
}

/** Reads an observation against the declared members: nodes are matched by node id, then by the address and port of the placement. Pure. */
export function readTopology(
  observation: ClusterObservation,
  members: readonly ClusterMember[],
  formerMembers: readonly FormerMember[] = [],
): Topology {
  const live = new Map<string, LiveNode>();
  const absent = new Map<string, Absence>();
  for (const member of members) {
    const node = observation.nodes.get(member.id);
    if (node === undefined) absent.set(member.id, { kind: "unreachable", why: "it was not looked at" });
    else if (!node.reachable) absent.set(member.id, { kind: "unreachable", why: node.error, next: node.next });
    else if (!node.clusterEnabled) absent.set(member.id, { kind: "not-cluster-enabled", why: "cluster-enabled is no" });
    else {
      const self = selfOf(node);
      if (node.loading || self === undefined) absent.set(member.id, { kind: "loading", why: "it is still loading its data" });
      else live.set(member.id, { ...node, member, self });
    }
  }
  const byNodeId = new Map([...live.values()].map((node) => [node.nodeId, node.member]));
  const byAddress = new Map(members.map((member) => [`${member.address}:${member.port}`, member]));
  const former = new Map(formerMembers.map(({ id, address, port }) => [`${address}:${port}`, id]));

  function identify(node: ClusterNode): Identity {
    const member = byNodeId.get(node.id);
    if (member !== undefined) return { kind: "member", member };
    if (node.address === "" || node.flags.has("noaddr")) return { kind: "ghost", member: undefined };
    const there = byAddress.get(`${node.address}:${node.port}`);
    if (there !== undefined) return live.has(there.id) ? { kind: "ghost", member: there } : { kind: "member", member: there };
    const at = `${node.address}:${node.port}`;
    return former.has(at) ? { kind: "former", id: former.get(at) } : { kind: "stranger" };
  }

  const components = groupByAcquaintance([...live.values()]).map((group) => readComponent(group, identify));
  const masters = members.filter(({ role }) => role.kind === "cluster-master").sort((a, b) => indexOf(a) - indexOf(b));
  const ranges = masters.length === 0 ? [] : allocateSlots(masters.length);
  const seen = new Map([...live.values()].flatMap(({ view }) => acquaintances(view)).map((node) => [node.id, node]));
  return {
    observation,
    members,
    wanted: members.filter(({ role }) => role.kind !== "standby"),
    live,
    absent,
    components,
    formed: largest(components.filter(({ formed }) => formed)),
    declaredSlots: new Map(masters.map((master, index) => [master.id, ranges.slice(index, index + 1)])),
    identify,
    instanceOf(nodeId) {
      const node = seen.get(nodeId);
      const identity = node === undefined ? undefined : identify(node);
      return identity?.kind === "member" ? identity.member.id : undefined;
    },
  };
}

/** The cluster of a topology, complete or not: the formed one, else the nodes that know most of each other. */
export function clusterOf({ formed, components }: Topology): Component {
  return formed ?? largest(components) ?? NO_CLUSTER;
}

/** The cluster of one node that answers, whichever others there are. @param id of the instance */
export function clusterAround({ components }: Topology, id: string): Component {
  return components.find(({ live }) => live.some((node) => node.id === id)) ?? NO_CLUSTER;
}

function largest(components: readonly Component[]): Component | undefined {
  return [...components].sort((a, b) => b.live.length - a.live.length)[0];
}

const NO_CLUSTER: Component = { live: [], owners: new Array<undefined>(SLOT_COUNT).fill(undefined), contested: [], formed: false };

/** The nodes that a view really knows: itself and the others, without handshakes (random ids that expire by themselves). */
export function acquaintances(view: readonly ClusterNode[]): readonly ClusterNode[] {
  return view.filter(({ flags }) => !flags.has("handshake"));
}

/** True for a node that knows nobody else and has no slots. */
export function isIsolated(node: LiveNode): boolean {
  return acquaintances(node.view).length === 1;
}

/** Masters of a component that answer; a replica is never given a slot. */
export function mastersOf(cluster: Pick<Component, "live">): readonly LiveNode[] {
  return cluster.live.filter(({ self }) => self.role === "master");
}

/** Slots that a node says it owns. */
export function ownSlots(node: LiveNode): readonly SlotRange[] {
  return node.self.role === "master" ? node.self.slots : [];
}

/** Node ids of a component that own slots. */
export function ownersOf(component: Component): ReadonlySet<string> {
  return new Set(component.owners.filter((owner) => owner !== undefined));
}

function indexOf({ role }: ClusterMember): number {
  return role.kind === "cluster-master" ? role.index : 0;
}

/** Live nodes that share an acquaintance belong together. */
function groupByAcquaintance(nodes: readonly LiveNode[]): LiveNode[][] {
  let groups: { ids: Set<string>; nodes: LiveNode[] }[] = [];
  for (const node of nodes) {
    const ids = new Set(acquaintances(node.view).map(({ id }) => id));
    const touching = groups.filter((group) => [...ids].some((id) => group.ids.has(id)));
    groups = [
      ...groups.filter((group) => !touching.includes(group)),
      {
        ids: new Set([...ids, ...touching.flatMap((group) => [...group.ids])]),
        nodes: [...touching.flatMap((group) => group.nodes), node],
      },
    ];
  }
  const order = new Map(nodes.map((node, index) => [node, index]));
  const place = (node: LiveNode | undefined) => (node === undefined ? 0 : (order.get(node) ?? 0));
  return groups.map((group) => group.nodes.sort((a, b) => place(a) - place(b))).sort((a, b) => place(a[0]) - place(b[0]));
}

function readComponent(live: readonly LiveNode[], identify: (node: ClusterNode) => Identity): Component {
  // Before a cluster is there each node is one of its own: n times 16384 entries would be made for nothing.
  if (live.every(({ view }) => view.every(({ slots }) => slots.length === 0))) return { ...NO_CLUSTER, live, formed: live.some(hasLived) };
  const owners: (string | undefined)[] = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
  const epochs = new Map(live.map((node) => [node.nodeId, node.myEpoch]));
  const contested = new Set<number>();
  for (const node of live) {
    for (const slot of eachSlot(ownSlots(node))) {
      const other = owners[slot];
      if (other !== undefined) contested.add(slot);
      if (other === undefined || (epochs.get(other) ?? 0) < node.myEpoch) owners[slot] = node.nodeId;
    }
  }
  // Of nodes that can't be asked the others tell. A ghost's claim is nobody's: an identity that is gone serves no slot.
  for (const { view } of live) {
    for (const node of acquaintances(view)) {
      const identity = epochs.has(node.id) ? undefined : identify(node);
      if (identity === undefined || identity.kind === "ghost") continue;
      for (const slot of eachSlot(node.slots)) owners[slot] ??= node.id;
    }
  }
  const complete = owners.every((owner) => owner !== undefined);
  const twice = contested.size === 0 ? [] : rangesWhere((slot) => contested.has(slot));
  return { live, owners, contested: twice, formed: complete || live.some(hasLived) };
}

/** Something is there that only a complete cluster gets. */
function hasLived({ self }: LiveNode): boolean {
  return self.role === "replica" || self.migrating.size > 0 || self.importing.size > 0;
}

/**
 * The instance that a new replica of a declared master has to follow: the declared master itself, or who has its shard after a failover. Undefined where the shard's
 * master can't be reached, so that nothing can be copied from it now.
 */
export function currentMasterOf(topology: Topology, component: Component, declaredMaster: string): string | undefined {
  const reachable = (id: string | undefined) => (id !== undefined && topology.live.has(id) ? id : undefined);
  const owners = new Set([...ownersOf(component)].map((nodeId) => topology.instanceOf(nodeId)));
  const node = topology.live.get(declaredMaster);
  if (node?.self.masterId !== undefined) return reachable(topology.instanceOf(node.self.masterId));
  if (owners.has(declaredMaster)) return reachable(declaredMaster);
  const successor = topology.members.find(
    ({ id, role }) => role.kind === "cluster-replica" && role.master === declaredMaster && owners.has(id),
  );
  return reachable(successor?.id ?? declaredMaster);
}

/** Slots of a component that no member owns. */
export function uncoveredSlots(component: Component): readonly SlotRange[] {
  return rangesWhere((slot) => component.owners[slot] === undefined);
}

const SIGNATURES = new WeakMap<ClusterNode, string>();

/** Nodes that say the same of one have the same object of it (cluster-nodes.ts): n times n lines are few texts. */
function signatureLine(node: ClusterNode): string {
  const known = SIGNATURES.get(node);
  if (known !== undefined) return known;
  const { id, role, masterId, slots } = node;
  const text = `${id} ${role} ${masterId ?? "-"} ${formatRanges(slots)}`;
  SIGNATURES.set(node, text);
  return text;
}

/** The slots as one node sees them, with roles: equal texts mean that two nodes agree. */
export function signatureOf(node: LiveNode): string {
  return acquaintances(node.view)
    .filter(({ flags }) => !flags.has("noaddr")) // who joined later never hears of an identity that is gone
    .map(signatureLine)
    .sort()
    .join("\n");
}

/** `redis-18:6379`, `a and b`, `a, b and 4 more`. */
export function naming(nodes: readonly { readonly id: string }[]): string {
  const ids = nodes.map(({ id }) => id);
  if (ids.length <= 2) return ids.join(" and ");
  return `${ids.slice(0, 2).join(", ")} and ${ids.length - 2} more`;
}
