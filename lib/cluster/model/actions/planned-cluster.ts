import type { SlotRange } from "../../../redis/types.ts";
import { eachSlot } from "../slots.ts";

/** A node as it is before the plan. */
export interface PlannedNode {
  readonly id: string;
  readonly nodeId: string;
  readonly role: "master" | "replica" | "unknown";
  /** Id of the instance that it replicates, or the node id where no instance is known for it. */
  readonly follows: string | undefined;
  /** Node id of what it replicates. */
  readonly masterId: string | undefined;
  /** Slots that it says it owns. */
  readonly slots: readonly SlotRange[];
  /** Keys in database 0. */
  readonly keys: number;
}

/** A cluster as it will be in the middle of a plan: what the checker knows, and what actions do to it. */
export class PlannedCluster {
  /** Instances that can be named at all: declared and discovered ones, whether they answer or not, and by node id whatever the cluster knows. */
  readonly known: ReadonlySet<string>;
  /** Instance ids, or node ids where no instance is known for them, that own slots by the word of others and give no answer. */
  readonly #absentOwners: Set<string>;
  readonly #left = new Set<string>();
  readonly #nodes = new Map<string, Pick<PlannedNode, "nodeId" | "role" | "follows" | "masterId" | "keys">>();
  /** Number of the group of nodes that know each other; 0 is the cluster. */
  readonly #groups = new Map<string, number>();
  /** Instances by slot that say it is theirs: two where it is contested. */
  readonly #claims = new Map<number, Set<string>>();
  readonly #slots = new Map<string, readonly SlotRange[]>();

  /** @param groups nodes that answer, by group; the first one is the cluster */
  constructor(groups: readonly (readonly PlannedNode[])[], known: Iterable<string>, absentOwners: Iterable<string>) {
    this.known = new Set(known);
    this.#absentOwners = new Set(absentOwners);
    groups.forEach((group, index) => {
      for (const { id, slots, ...node } of group) {
        this.#nodes.set(id, node);
        this.#groups.set(id, index);
        this.#slots.set(id, slots);
        if (index === 0) this.#claim(id, slots);
      }
    });
  }

  /** How many slots have an owner. */
  get covered(): number {
    return [...this.#claims.values()].filter((owners) => owners.size > 0).length;
  }

  answers(id: string): boolean {
    return this.#nodes.has(id);
  }

  /** An earlier action of the plan took it out of the cluster. */
  hasLeft(id: string): boolean {
    return this.#left.has(id);
  }

  isInside(id: string): boolean {
    return this.#groups.get(id) === 0;
  }

  /** Both know each other, directly or through others. */
  areTogether(one: string, other: string): boolean {
    const group = this.#groups.get(one);
    return group !== undefined && group === this.#groups.get(other);
  }

  isMaster(id: string): boolean {
    return this.#nodes.get(id)?.role === "master";
  }

  isReplica(id: string): boolean {
    return this.#nodes.get(id)?.role === "replica";
  }

  /** The instance that it replicates. */
  masterOf(id: string): string | undefined {
    return this.#nodes.get(id)?.follows;
  }

  /** @param master id of an instance, or a node id */
  replicates(id: string, master: string): boolean {
    const node = this.#nodes.get(id);
    return node !== undefined && (node.follows === master || node.masterId === master);
  }

  /** Instances that replicate it. */
  replicasOf(id: string): readonly string[] {
    return [...this.#nodes].filter(([, { follows }]) => follows === id).map(([replica]) => replica);
  }

  /** The instance that has this node id now. */
  withNodeId(nodeId: string): string | undefined {
    return [...this.#nodes].find(([, node]) => node.nodeId === nodeId)?.[0];
  }

  /** Keys of which there is no other copy: those of a master. */
  ownKeys(id: string): number {
    const node = this.#nodes.get(id);
    return node?.role === "master" ? node.keys : 0;
  }

  /** By its own word, or by that of others where it gives no answer. */
  ownsAny(id: string): boolean {
    return this.#absentOwners.has(id) || [...this.#claims.values()].some((owners) => owners.has(id));
  }

  owns(id: string, slot: number): boolean {
    return this.#claims.get(slot)?.has(id) === true;
  }

  /** An owner of the slot other than this instance. */
  otherOwner(slot: number, id?: string): string | undefined {
    return [...(this.#claims.get(slot) ?? [])].find((owner) => owner !== id);
  }

  // What actions do.

  own(slot: number, id: string): void {
    this.#claims.set(slot, new Set([id]));
  }

  disown(slot: number, id: string): void {
    this.#claims.get(slot)?.delete(id);
  }

  /** @returns slots that both groups own, each with one of the owners */
  meet(seed: string, id: string): readonly (readonly [slot: number, owner: string])[] {
    const [kept, joining] = [this.#groups.get(seed), this.#groups.get(id)].sort((a, b) => (a ?? 0) - (b ?? 0));
    if (kept === undefined || joining === undefined || kept === joining) return [];
    const both: (readonly [number, string])[] = [];
    for (const [each, group] of this.#groups) {
      if (group !== joining) continue;
      this.#groups.set(each, kept);
      if (kept === 0) both.push(...this.#claim(each, this.#slots.get(each) ?? []));
    }
    return both;
  }

  follow(id: string, master: string): void {
    const node = this.#nodes.get(id);
    if (node !== undefined) this.#nodes.set(id, { ...node, role: "replica", follows: master, masterId: this.#nodes.get(master)?.nodeId });
  }

  /** The shard of a master, its slots and its other replicas go to one of its replicas; an absent master's slots are not known. */
  promote(id: string, master: string | undefined): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.set(id, { ...node, role: "master", follows: undefined, masterId: undefined });
    if (master === undefined) return;
    this.#absentOwners.delete(master);
    for (const replica of this.replicasOf(master)) this.follow(replica, id);
    this.follow(master, id);
    for (const owners of this.#claims.values()) if (owners.delete(master)) owners.add(id);
  }

  /** It is in no cluster any more. */
  leave(id: string): void {
    this.#left.add(id);
    if (this.#groups.has(id)) this.#groups.set(id, Math.max(...this.#groups.values()) + 1);
  }

  /** An empty master that nobody knows. */
  empty(id: string): void {
    this.leave(id);
    if (this.#nodes.has(id)) this.#nodes.set(id, { nodeId: "", role: "master", follows: undefined, masterId: undefined, keys: 0 });
  }

  #claim(id: string, slots: readonly SlotRange[]): readonly (readonly [number, string])[] {
    const both: (readonly [number, string])[] = [];
    for (const slot of eachSlot(slots)) {
      const other = this.otherOwner(slot, id);
      if (other !== undefined) both.push([slot, other]);
      const owners = this.#claims.get(slot) ?? new Set();
      this.#claims.set(slot, owners.add(id));
    }
    return both;
  }
}
