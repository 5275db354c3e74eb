import { rangesWhere, withoutSlots } from "../../lib/cluster/model/slots.ts";
import type { ClusterAction, ClusterMember, ClusterObservation, NodeObservation } from "../../lib/cluster/model/types.ts";
import type { ClusterNode, SlotRange } from "../../lib/redis/types.ts";
import { redisVersion } from "../support/versions.ts";

interface ModelNode {
  nodeId: string;
  epoch: number;
  slots: Set<number>;
  /** Node ids, its own included. */
  known: Set<string>;
  masterId: string | undefined;
  keys: number;
  up: boolean;
}

/**
 * The dumbest cluster that the planner can be tried on: what an operator's commands do once gossip has come to rest. Real servers are tried elsewhere; this one can be
 * brought into any state at once.
 */
export class Model {
  readonly #nodes = new Map<string, ModelNode>();
  /** Everyone who ever was, so that others can go on talking of them: node id → where and what they were. */
  readonly #past = new Map<string, { address: string; port: number; slots: Set<number>; masterId: string | undefined; gone: boolean }>();
  #ids = 0;
  readonly members: ClusterMember[];

  constructor(members: readonly ClusterMember[]) {
    this.members = [...members];
    for (const { id } of members) this.wipe(id);
  }

  node(id: string): ModelNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no ${id}`);
    return node;
  }

  /** A new node with an empty folder stands at this address; nodes that knew the old one know an identity that is gone. */
  wipe(id: string): void {
    const old = this.#nodes.get(id);
    if (old !== undefined) {
      this.#past.set(old.nodeId, { address: "", port: 0, slots: old.slots, masterId: old.masterId, gone: true });
    }
    this.#ids += 1;
    const nodeId = `${id.split(":")[0]}-${this.#ids}`;
    this.#nodes.set(id, { nodeId, epoch: 0, slots: new Set(), known: new Set([nodeId]), masterId: undefined, keys: 0, up: true });
  }

  /** Makes nodes know a node outside. */
  introduceStranger(to: readonly string[], nodeId: string, address: string, port = 6379): void {
    this.#past.set(nodeId, { address, port, slots: new Set(), masterId: undefined, gone: false });
    for (const id of to) this.node(id).known.add(nodeId);
  }

  apply(action: ClusterAction): void {
    switch (action.kind) {
      case "set-config-epoch":
        this.node(action.instance).epoch ||= action.epoch;
        return;
      case "add-slots":
        for (const range of action.slots)
          for (let slot = range.first; slot <= range.last; slot += 1) this.node(action.instance).slots.add(slot);
        return;
      case "forget": {
        const node = this.node(action.instance);
        if (action.nodeId === node.nodeId || action.nodeId === node.masterId) throw new Error(`${action.instance} can't forget that`);
        node.known.delete(action.nodeId);
        return;
      }
      case "meet": {
        const [seed, other] = [this.node(action.seed), this.node(action.instance)];
        const all = new Set([...seed.known, ...other.known]);
        // Gossip: everyone who is known learns of everyone, and identities that are gone are not passed on.
        const living = new Set([...this.#nodes.values()].map(({ nodeId }) => nodeId));
        for (const node of this.#nodes.values()) {
          if (all.has(node.nodeId))
            for (const nodeId of all) if (living.has(nodeId) || this.#past.get(nodeId)?.gone === false) node.known.add(nodeId);
        }
        return;
      }
      case "replicate": {
        const [node, master] = [this.node(action.instance), this.node(action.master)];
        if (!node.known.has(master.nodeId)) throw new Error(`${action.instance} does not know ${action.master}`);
        if (master.masterId !== undefined) throw new Error(`${action.master} is a replica`);
        if (node.slots.size > 0 || (node.masterId === undefined && node.keys > 0)) throw new Error(`${action.instance} is not empty`);
        node.masterId = master.nodeId;
        node.keys = master.keys;
        return;
      }
      case "await-joined":
        for (const one of action.instances)
          for (const two of action.instances)
            if (!this.node(one).known.has(this.node(two).nodeId)) throw new Error(`${one} would never know ${two}`);
        return;
      case "move-slots":
        for (const range of action.slots)
          for (let slot = range.first; slot <= range.last; slot += 1) {
            if (!this.node(action.source).slots.delete(slot)) throw new Error(`${action.source} does not have ${slot}`);
            this.node(action.target).slots.add(slot);
          }
        return;
      case "await-formed":
        return;
      default:
        throw new Error(`no model of ${action.kind}`);
    }
  }

  /** The replica takes the shard over and the old master follows it; a dead one does so when it is back. */
  failOver(master: string, replica: string): void {
    const [old, promoted] = [this.node(master), this.node(replica)];
    promoted.slots = old.slots;
    promoted.masterId = undefined;
    promoted.epoch = 1 + Math.max(...[...this.#nodes.values()].map(({ epoch }) => epoch));
    old.slots = new Set();
    for (const node of this.#nodes.values()) if (node === old || node.masterId === old.nodeId) node.masterId = promoted.nodeId;
  }

  observe(): ClusterObservation {
    const currentEpoch = Math.max(...[...this.#nodes.values()].map(({ epoch }) => epoch));
    return {
      nodes: new Map(
        this.members.map(({ id }): [string, NodeObservation] => {
          const node = this.node(id);
          if (!node.up) return [id, { id, reachable: false, error: "connection refused" }];
          const view = [...node.known].map((nodeId) => this.#line(nodeId, node));
          return [
            id,
            {
              id,
              reachable: true,
              nodeId: node.nodeId,
              version: redisVersion("4.0.14"),
              clusterEnabled: true,
              role: node.masterId === undefined ? "master" : "replica",
              loading: false,
              masterLink: node.masterId === undefined ? undefined : "up",
              offset: 0,
              streamId: node.masterId ?? node.nodeId,
              clusterState:
                view.reduce((total, { slots }) => total + slots.reduce((sum, { first, last }) => sum + last - first + 1, 0), 0) === 16384
                  ? "ok"
                  : "fail",
              currentEpoch,
              myEpoch: node.epoch,
              knownNodes: view.length,
              keys: node.keys,
              view,
            },
          ];
        }),
      ),
    };
  }

  /** Who has what, without ids and epochs: what two ways to the same cluster must have in common. */
  topology(): string {
    const names = new Map([...this.#nodes].map(([id, { nodeId }]) => [nodeId, id]));
    return this.members
      .map(({ id }) => {
        const { slots, masterId, known } = this.node(id);
        const knows = [...known].flatMap((nodeId) => names.get(nodeId) ?? []).sort();
        return `${id} ${masterId === undefined ? `master ${JSON.stringify(ranges(slots))}` : `replica of ${names.get(masterId)}`} knows ${knows.join(" ")}`;
      })
      .join("\n");
  }

  /** What an identity that is gone still owns in the eyes of a node: the slots that nobody alive claimed since, with a higher epoch. */
  #unclaimed(slots: ReadonlySet<number>, by: ModelNode): SlotRange[] {
    const living = [...this.#nodes.values()].filter(({ nodeId }) => by.known.has(nodeId));
    return withoutSlots(
      ranges(slots),
      living.flatMap((node) => ranges(node.slots)),
    );
  }

  #line(nodeId: string, by: ModelNode): ClusterNode {
    const living = [...this.#nodes].find(([, node]) => node.nodeId === nodeId);
    const member = living === undefined ? undefined : this.members.find(({ id }) => id === living[0]);
    const past = this.#past.get(nodeId);
    const { slots, masterId } = living?.[1] ?? past ?? { slots: new Set<number>(), masterId: undefined };
    const myself = nodeId === by.nodeId;
    const role = masterId === undefined ? "master" : "replica";
    const gone = living === undefined && past?.gone === true;
    const port = member?.port ?? past?.port ?? 0;
    return {
      id: nodeId,
      address: member?.address ?? past?.address ?? "",
      port,
      busPort: port === 0 ? 0 : port + 10_000,
      flags: new Set([role, ...(myself ? ["myself"] : []), ...(gone ? ["noaddr"] : [])]),
      myself,
      role,
      masterId,
      configEpoch: living?.[1].epoch ?? 0,
      linkState: "connected",
      slots: gone ? this.#unclaimed(slots, by) : ranges(slots),
      migrating: new Map(),
      importing: new Map(),
    };
  }
}

const kept = new WeakMap<ReadonlySet<number>, { readonly size: number; readonly ranges: SlotRange[] }>();

function ranges(slots: ReadonlySet<number>): SlotRange[] {
  if (slots.size === 0) return [];
  const known = kept.get(slots);
  if (known?.size === slots.size) return known.ranges;
  const found = rangesWhere((slot) => slots.has(slot));
  kept.set(slots, { size: slots.size, ranges: found });
  return found;
}
