import { afterAll, beforeAll, expect, test } from "vitest";
import { isLabError } from "../../../lib/base/error.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { failOverMaster } from "../../../lib/cluster/apply/failover.ts";
import { clusterFindings } from "../../../lib/cluster/findings/declared.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { allocateSlots, keySlot } from "../../../lib/cluster/model/slots.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { connectRedis } from "../../../lib/redis/client.ts";
import { RedisReplyError } from "../../../lib/redis/reply-error.ts";
import type { RedisClient } from "../../../lib/redis/types.ts";
import { dial, Lab, NO_ELECTIONS, PASSWORD, SIX, topologyOf } from "../support.ts";

/** Short, as two failovers of a shard keep a distance of two of them. */
const SHORT_TIMEOUT = 5000;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(SIX, Object.fromEntries(SIX.map((name) => [name, NO_ELECTIONS])), SHORT_TIMEOUT);
  await converge();
});
afterAll(() => lab.stop());

const POLL = { timeout: 60_000 };

async function plan() {
  return planCluster(await observeCluster(lab.members, lab.access), lab.members);
}

async function converge(): Promise<string[]> {
  const wanted = await plan();
  await applyCluster(wanted, lab.members, lab.access, { emit: lab.emit, timeoutMs: 60_000 });
  return wanted.actions.map(({ action }) => action.kind);
}

function shardOf(key: string): number {
  return allocateSlots(3).findIndex(({ last }) => keySlot(key) <= last);
}

/** Writes unique keys to all shards, one at a time, as a cluster client does, and remembers what was acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly #clients = new Map<string, RedisClient>();
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    for (const client of this.#clients.values()) client.close();
  }

  async #run(): Promise<void> {
    const at = new Map<number, string>();
    const addresses = lab.members.map(({ address }) => address);
    for (let number = 0; !this.#stopped; number += 1) {
      const key = `write:${number}`;
      const shard = shardOf(key);
      for (;;) {
        const address = at.get(shard) ?? addresses[number % addresses.length] ?? "";
        try {
          await (await this.#client(address)).call(["SET", key, number]);
          this.acknowledged.push(key);
          at.set(shard, address);
          break;
        } catch (error) {
          at.delete(shard);
          if (!(error instanceof RedisReplyError)) this.#clients.delete(address);
          else if (error.code === "MOVED") at.set(shard, error.message.split(" ")[2]?.split(":")[0] ?? "");
          if (this.#stopped) break;
        }
      }
    }
  }

  async #client(address: string): Promise<RedisClient> {
    const kept = this.#clients.get(address);
    if (kept !== undefined) return kept;
    const client = await connectRedis({ address, port: 6379 }, dial, { passwords: [PASSWORD], timeoutMs: 60_000 });
    this.#clients.set(address, client);
    return client;
  }
}

test("planned failovers lose no acknowledged write, are no drift, and keep their distance", async () => {
  const writer = new Writer();
  writer.start();
  const fail = (id: string, lastFailoverAt?: number) =>
    failOverMaster(id, lab.members, lab.access, {
      emit: lab.emit,
      timeoutMs: 60_000,
      ...(lastFailoverAt !== undefined && { lastFailoverAt }),
    });
  expect(await fail("m1:6379")).toBe("r1:6379");
  const handedOver = Date.now();
  expect(await fail("m2:6379")).toBe("r2:6379");
  expect(await fail("m3:6379")).toBe("r3:6379");
  expect(await fail("r1:6379", handedOver)).toBe("m1:6379");
  expect(Date.now() - handedOver).toBeGreaterThan(2 * SHORT_TIMEOUT);
  await writer.stop();

  expect(await topologyOf(lab)).toEqual([
    "m1:6379 master 0-5460",
    "m2:6379 replica of r2:6379",
    "m3:6379 replica of r3:6379",
    "r1:6379 replica of m1:6379",
    "r2:6379 master 5461-10922",
    "r3:6379 master 10923-16383",
  ]);
  await expect.poll(async () => clusterFindings(await observeCluster(lab.members, lab.access), lab.members), POLL).toEqual([]);
  expect(await plan()).toEqual({ actions: [], findings: [] });

  expect(writer.acknowledged.length).toBeGreaterThan(20);
  const kept = await Promise.all(["m1:6379", "r2:6379", "r3:6379"].map((id) => lab.call(id, "KEYS", "write:*")));
  const there = new Set(kept.flat());
  const lost = writer.acknowledged.filter((key) => !there.has(key));
  expect(lost).toEqual([]);
});

test("a new replica and a replaced master find the present master of their shard", async () => {
  await lab.add("r2b", NO_ELECTIONS);
  expect(await converge()).toEqual(["meet", "await-joined", "replicate", "await-formed"]);
  expect((await topologyOf(lab)).at(-1)).toBe("r2b:6379 replica of r2:6379");

  await lab.kill("m3:6379");
  await lab.restart("m3:6379", { wiped: true });
  expect(await converge()).toEqual(["meet", "await-joined", "replicate", "await-formed"]);
  expect(await topologyOf(lab)).toContain("m3:6379 replica of r3:6379");
  const { actions, findings } = await plan();
  expect(actions).toEqual([]);
  expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(["note extra-member"]);
});

test("without a replica in step there is no failover", async () => {
  await lab.kill("r1:6379");
  await waitFor(
    async () => {
      const node = (await observeCluster(lab.members, lab.access)).nodes.get("r1:6379");
      return node?.reachable === false ? { done: true, value: undefined } : { done: false, missing: "the end of r1" };
    },
    { what: "r1 to be gone", timeoutMs: 60_000 },
  );
  const refusal = async (id: string) => {
    try {
      return await failOverMaster(id, lab.members, lab.access, { emit: lab.emit });
    } catch (error) {
      if (isLabError(error)) return error.code;
      throw error;
    }
  };
  expect(await refusal("m1:6379")).toBe("cluster.no-healthy-replica");
  expect(await refusal("m2:6379")).toBe("cluster.not-a-master");
  expect(await refusal("r1:6379")).toBe("cluster.not-a-master");
  expect(await refusal("nobody:6379")).toBe("cluster.unknown-instance");
  expect(
    (await plan()).findings.filter(({ severity }) => severity === "problem").map(({ code, instance }) => `${code} ${instance}`),
  ).toEqual(["unreachable r1:6379"]);
});
