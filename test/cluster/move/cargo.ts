import { waitFor } from "../../../lib/base/wait.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { eachSlot, keySlot, SLOT_COUNT } from "../../../lib/cluster/model/slots.ts";
import { clusterOf, ownersOf, ownSlots, readTopology } from "../../../lib/cluster/model/topology.ts";
import type { BatchReply } from "../../../lib/redis/types.ts";
import type { Lab } from "../support.ts";

/** For each slot a text that hashes to it. */
function tagsOf(slots: readonly number[]): ReadonlyMap<number, string> {
  const wanted = new Set(slots);
  const tags = new Map<number, string>();
  for (let index = 0; tags.size < wanted.size; index += 1) {
    const slot = keySlot(String(index));
    if (wanted.has(slot)) tags.set(slot, String(index));
  }
  return tags;
}

/** What was put into a cluster before its slots were moved, and whether all of it is there. */
export class Cargo {
  readonly #lab: Lab;
  /** Key → value as DUMP-independent text, and whether it has an end. */
  readonly #values = new Map<string, { readonly value: string; readonly ttl: boolean }>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Puts `perSlot` keys into each slot of `owner`: strings with and without an end, one of them with bytes that are no text. */
  async load(owner: string, slots: readonly number[], perSlot: number): Promise<void> {
    const client = await this.#lab.access.connect(owner);
    const tags = tagsOf(slots);
    const commands: (readonly (string | Buffer)[])[] = [];
    for (const slot of slots) {
      for (let index = 0; index < perSlot; index += 1) {
        const name = Buffer.from(`{${tags.get(slot)}}:${index}`);
        const key = index % 5 === 1 ? Buffer.concat([Buffer.from([0xff, 0x00]), name]) : name;
        const ttl = index % 3 === 2;
        const value = `value ${index} of slot ${slot}`;
        commands.push(["SET", key, value, ...(ttl ? ["EX", "3600"] : [])]);
        this.#values.set(key.toString("latin1"), { value, ttl });
      }
    }
    await client.callAll(commands);
    client.close();
  }

  get size(): number {
    return this.#values.size;
  }

  /** A key in a slot. */
  keyIn(slot: number): Buffer {
    const key = [...this.#values.keys()].map((text) => Buffer.from(text, "latin1")).find((each) => keySlot(each) === slot);
    if (key === undefined) throw new Error(`no key in slot ${slot}`);
    return key;
  }

  /** From now on another value is the right one. */
  expect(key: Buffer, value: string): void {
    this.#values.set(key.toString("latin1"), { value, ttl: false });
  }

  /** Everything that is wrong with the cluster: slots without an owner, open ones, keys that are missing, double, changed, or at a node that does not own them. */
  async faults(): Promise<readonly string[]> {
    const { members, access } = this.#lab;
    const observation = await observeCluster(members, access);
    const topology = readTopology(observation, members);
    const faults: string[] = [];
    const cluster = clusterOf(topology);
    const uncovered = cluster.owners.filter((each) => each === undefined).length;
    if (uncovered > 0) faults.push(`${uncovered} of ${SLOT_COUNT} slots have no owner`);
    if (cluster.contested.length > 0) faults.push("slots with two owners");
    for (const { id, self, clusterState } of topology.live.values()) {
      if (self.migrating.size + self.importing.size > 0) faults.push(`${id} has open slots`);
      if (clusterState !== "ok") faults.push(`${id} says cluster_state:fail`);
    }
    const seen = new Map<string, string[]>();
    for (const nodeId of new Set([
      ...ownersOf(cluster),
      ...[...topology.live.values()].filter(({ self }) => self.role === "master").map((node) => node.nodeId),
    ])) {
      const node = [...topology.live.values()].find((each) => each.nodeId === nodeId);
      if (node === undefined) continue;
      const owned = new Set(eachSlot(ownSlots(node)));
      for (const [key, value, life] of await this.#contentOf(node.id)) {
        const name = JSON.stringify(key);
        const wanted = this.#values.get(key);
        seen.set(key, [...(seen.get(key) ?? []), node.id]);
        if (wanted === undefined) faults.push(`${name} at ${node.id} is not ours`);
        else if (value !== wanted.value)
          faults.push(`${name} at ${node.id} is ${JSON.stringify(value)} and not ${JSON.stringify(wanted.value)}`);
        else if (wanted.ttl !== life > 0) faults.push(`${name} at ${node.id} has the life ${life}`);
        if (!owned.has(keySlot(Buffer.from(key, "latin1")))) faults.push(`${name} lies at ${node.id}, which does not own its slot`);
      }
    }
    for (const key of this.#values.keys()) {
      const where = seen.get(key) ?? [];
      if (where.length !== 1) faults.push(`${JSON.stringify(key)} is at ${where.length === 0 ? "no node" : where.join(" and ")}`);
    }
    return faults;
  }

  /** The same once the cluster has come to rest: gossip takes its time. */
  async lastingFaults(): Promise<readonly string[]> {
    let faults: readonly string[] = [];
    await waitFor(
      async () => {
        faults = await this.faults();
        return faults.length === 0 ? { done: true, value: undefined } : { done: false, missing: faults.join("; ") };
      },
      { what: "a cluster without faults", timeoutMs: 60_000 },
    ).catch(() => undefined);
    return faults;
  }

  /** Key, value and PTTL of everything that a node holds, whether it owns it or not: DUMP and GET would be redirected, so the slots are listed and the values read by a script. */
  async #contentOf(id: string): Promise<readonly (readonly [string, string, number])[]> {
    const client = await this.#lab.access.connect(id);
    try {
      const keys: Buffer[] = [];
      let cursor = "0";
      do {
        const [reply] = await client.callAll([["SCAN", cursor, "COUNT", 1000]]);
        const [next, found] = reply as readonly [Buffer, readonly BatchReply[]];
        cursor = next.toString();
        keys.push(...found.filter((key): key is Buffer => Buffer.isBuffer(key)));
      } while (cursor !== "0");
      const replies = await client.callAll(keys.flatMap((key) => [["ASKING"], ["GET", key], ["ASKING"], ["PTTL", key]]));
      return keys.map((key, index) => [key.toString("latin1"), String(replies[4 * index + 1]), Number(replies[4 * index + 3])] as const);
    } finally {
      client.close();
    }
  }
}
