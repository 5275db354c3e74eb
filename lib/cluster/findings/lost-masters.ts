import type { ClusterNode, SlotRange } from "../../redis/types.ts";
import { describeSlots } from "../model/describe.ts";
import { eachSlot, rangesWhere } from "../model/slots.ts";
import { acquaintances, type Component, isIsolated, type LiveNode, naming, ownSlots, type Topology } from "../model/topology.ts";
import type { ClusterFinding, ClusterMember } from "../model/types.ts";

/** A master that owns slots in the eyes of the cluster and gives no answer under its node id. */
export interface LostMaster {
  readonly nodeId: string;
  /** As people know it: the instance that stood there, else its address or the beginning of its node id. */
  readonly name: string;
  readonly slots: readonly SlotRange[];
  /**
   * `identity`: what stands at its address answers under another node id, so the old one never comes back, and as nobody takes it for failed no replica of it is elected. `silent`: no node that answers has a link to it. `elsewhere`:
   * the cluster, or a replica of it, is in touch with it, and only we are not.
   */
  readonly why: "identity" | "silent" | "elsewhere";
  /** Those that replicate it, answer and have its data, the most advanced first: who may take over. */
  readonly heirs: readonly LiveNode[];
  /** Those that replicate it, answer and never got its data. */
  readonly unsynced: readonly LiveNode[];
  /** Why none of the heirs may take over without a person who says so; undefined where the first one may. */
  readonly doubt: string | undefined;
  /** A replica of it may be among the members that give no answer, or it is itself. */
  readonly mayReturn: boolean;
  /** The instance that had this identity and answers under another one now. */
  readonly newcomer: LiveNode | undefined;
}

/** Pure. */
export function lostMasters(topology: Topology, cluster: Component): readonly LostMaster[] {
  const live = new Set(cluster.live.map(({ nodeId }) => nodeId));
  const taken = new Set(cluster.live.flatMap((node) => [...eachSlot(ownSlots(node))]));
  const lines = new Map(cluster.live.flatMap(({ view }) => acquaintances(view)).map((line) => [line.id, line]));
  const lost = [...lines.values()].flatMap((line): Omit<LostMaster, "doubt">[] => {
    if (live.has(line.id)) return [];
    const seen = cluster.live.flatMap(({ view }) => acquaintances(view).filter(({ id }) => id === line.id));
    const believed = new Set(seen.flatMap(({ role, slots }) => (role === "master" ? [...eachSlot(slots)] : [])));
    const slots = rangesWhere((slot) => believed.has(slot) && !taken.has(slot));
    if (slots.length === 0) return [];
    const followers = cluster.live.filter(({ self }) => self.masterId === line.id).sort((a, b) => b.offset - a.offset);
    const identities = seen.map((each) => topology.identify(each));
    const gone = identities.some(({ kind }) => kind === "ghost");
    const [stood] = identities.flatMap((identity) => ("member" in identity && identity.member !== undefined ? [identity.member] : []));
    const newcomer = gone ? newcomerOf(topology, cluster, followers, slots, stood) : undefined;
    const why = isLinked(seen)
      ? "elsewhere"
      : gone
        ? "identity"
        : followers.some(({ masterLink }) => masterLink === "up")
          ? "elsewhere"
          : "silent";
    const address = seen.find((each) => each.address !== "");
    const name =
      newcomer?.id ?? stood?.id ?? (address === undefined ? `the node ${line.id.slice(0, 8)}…` : `${address.address}:${address.port}`);
    const heirs = followers.filter((node) => hasItsData(node, newcomer));
    const unsynced = followers.filter((node) => !heirs.includes(node));
    const mayReturn = why !== "identity" || topology.absent.size > 0 || unsynced.length > 0;
    return [
      {
        nodeId: line.id,
        name,
        slots,
        why,
        newcomer,
        mayReturn,
        ...(why === "elsewhere" ? { heirs: [], unsynced: [] } : { heirs, unsynced }),
      },
    ];
  });
  return lost.map((each) => ({ ...each, doubt: doubtAbout(each, cluster, lost.length) }));
}

/** Some node has a link to it. A line without an address has none. */
function isLinked(seen: readonly ClusterNode[]): boolean {
  return seen.some(
    ({ linkState, flags }) => linkState === "connected" && !flags.has("noaddr") && !flags.has("fail") && !flags.has("fail?"),
  );
}

/** A replica that never was in step has neither keys nor a part of the stream; one that read its keys from a file may have no part of the stream. */
function hasItsData({ keys, offset }: LiveNode, newcomer: LiveNode | undefined): boolean {
  return keys > 0 || (offset > 0 && (newcomer?.keys ?? 0) === 0);
}

/** A takeover needs no votes, so what votes would have shown is looked at here: a master that only we can't see may go on with acknowledged writes, which a higher epoch would delete. */
function doubtAbout({ why, nodeId, heirs }: Omit<LostMaster, "doubt">, cluster: Component, lost: number): string | undefined {
  const [heir] = heirs;
  if (heir === undefined) return undefined;
  if (new Set(heirs.map(({ streamId }) => streamId)).size > 1)
    return "its replicas follow different streams of writes, so it can't be seen which of them has the newest data";
  if (why !== "silent") return undefined;
  const owners = cluster.live.filter((node) => ownSlots(node).length > 0);
  const sure = owners.filter(({ view }) => view.some(({ id, flags }) => id === nodeId && flags.has("fail"))).length;
  const all = owners.length + lost;
  if (sure * 2 > all) return undefined;
  return `${sure} of the ${all} masters with slots ${sure === 1 ? "answers and takes" : "answer and take"} it for failed, which is not a majority; it may be at work where it can't be seen from here`;
}

/** Without an address it is known by its place: a declared instance of the same shard that has no place in the cluster; without a replica to tell the shard, the declared master of the slots. */
function newcomerOf(
  topology: Topology,
  cluster: Component,
  heirs: readonly LiveNode[],
  slots: readonly SlotRange[],
  stood: ClusterMember | undefined,
): LiveNode | undefined {
  // It is emptied later, so it must be alone; inside the cluster it may at most be without anything.
  const isPlaceless = (node: LiveNode) =>
    cluster.live.includes(node) ? node.self.role === "master" && ownSlots(node).length === 0 && node.keys === 0 : isIsolated(node);
  if (stood !== undefined) {
    const node = topology.live.get(stood.id);
    return node !== undefined && isPlaceless(node) ? node : undefined;
  }
  const shards = new Set(heirs.map(({ member }) => shardOf(member)));
  const lost = new Set(eachSlot(slots));
  const owned = (id: string) => [...eachSlot(topology.declaredSlots.get(id) ?? [])].some((slot) => lost.has(slot));
  const placeless = topology.wanted.flatMap((member) => {
    const node = topology.live.get(member.id);
    return node !== undefined && isPlaceless(node) ? [node] : [];
  });
  const found = placeless.filter(({ id, member }) => (heirs.length > 0 ? shards.has(shardOf(member)) : owned(id)));
  return found.length === 1 ? found[0] : undefined;
}

function shardOf({ id, role }: ClusterMember): string | undefined {
  return role.kind === "cluster-replica" ? role.master : role.kind === "cluster-master" ? id : undefined;
}

/** What became of a lost master and who has what it had, as sentences. */
export function lostText({ name, nodeId, why, slots, heirs, unsynced }: LostMaster): string {
  const what = {
    identity: `${name} answers no more under the node id ${nodeId.slice(0, 8)}…, which owns ${describeSlots(slots)}`,
    silent: `${name} owns ${describeSlots(slots)} and gives no answer`,
    elsewhere: `${name} owns ${describeSlots(slots)} and gives no answer to us, while the cluster is in touch with it`,
  }[why];
  const [heir] = heirs;
  if (heir === undefined && unsynced.length > 0)
    return `${what}; ${naming(unsynced)} ${unsynced.length === 1 ? "replicates" : "replicate"} it and never got its keys.`;
  if (heir === undefined) return `${what}${why === "elsewhere" ? "" : "; no replica of it answers"}.`;
  return `${what}; ${naming(heirs)} ${heirs.length === 1 ? "replicates" : "replicate"} it, with ${heir.keys} ${heir.keys === 1 ? "key" : "keys"}.`;
}

/** A lost master as a finding of its own. */
export function lostFinding(lost: LostMaster): ClusterFinding {
  return { code: "unreachable", severity: "problem", instance: lost.name, text: lostText(lost), next: lostAdvice(lost) };
}

/** The command that leads on. */
export function lostAdvice({ name, why, heirs, doubt, newcomer, mayReturn }: LostMaster): string {
  const [heir] = heirs;
  if (why === "elsewhere") return `Look why ${name} can't be reached from here: \`redis-lab doctor LAB\`.`;
  if (heir !== undefined && doubt !== undefined)
    return `${heirs.map(({ id }) => `\`redis-lab cluster failover LAB ${id} --takeover\``).join(" or ")} lets it take over, once you know that ${name} does not come back: ${doubt}.`;
  if (heir !== undefined) {
    const rest = newcomer === undefined ? "" : `, and makes ${newcomer.id} its replica; what ${newcomer.id} has otherwise is saved first`;
    return `\`redis-lab cluster fix LAB\` lets ${heir.id} take over (as \`redis-lab cluster failover LAB ${heir.id} --takeover\` does)${rest}.`;
  }
  if (!mayReturn) return "Its keys are lost. `redis-lab cluster fix LAB --give-away-empty` gives its slots to others, without them.";
  return `Bring a replica of it up (\`redis-lab up LAB\`)${why === "silent" ? ", or itself" : ""}. If all is lost: \`redis-lab cluster fix LAB --give-away-empty\` gives its slots to others, without its keys.`;
}
