import { describe, expect, test } from "vitest";
import type { Emit } from "../../lib/base/events.ts";
import { type Attempt, waitFor } from "../../lib/base/wait.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { setMinReplicasToWrite } from "../../lib/redis/commands.ts";
import { raiseFence } from "../../lib/redis/fence.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import type { EngineInstance, InstanceAccess, RedisClient } from "../../lib/redis/types.ts";
import { failOverFenced } from "../../lib/sentinel/failover.ts";
import { currentMaster } from "../../lib/sentinel/master.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import { restartOrder } from "../../lib/sentinel/plan.ts";
import type { SentinelWanted } from "../../lib/sentinel/types.ts";
import { dial, PASSWORD, SHORT_DOWN_AFTER, TestLayout, watching } from "./layout.ts";

const THREE = { servers: ["a", "b", "c"], sentinels: ["a", "b", "c"] };

/** Writes unique keys as fast as they are acknowledged to whom the sentinels call master, and remembers which were. */
class Writer {
  readonly acknowledged: string[] = [];
  private readonly lab: TestLayout;
  private readonly wanted: SentinelWanted;
  private client: RedisClient | undefined;
  private stopped = false;
  private readonly running: Promise<void>;
  errors = new Set<string>();

  constructor(lab: TestLayout, wanted: SentinelWanted) {
    this.lab = lab;
    this.wanted = wanted;
    this.running = this.run();
  }

  private async run(): Promise<void> {
    for (let number = 0; !this.stopped; number += 1) {
      try {
        this.client ??= await this.connect();
        const key = `key-${number}`;
        await this.client.call(["SET", key, number], { timeoutMs: 500 });
        this.acknowledged.push(key);
        await new Promise((resolve) => setTimeout(resolve, 2));
      } catch (error) {
        this.errors.add(error instanceof RedisReplyError ? error.code : "connection");
        // A refused write asks nobody again: the worst client, which stays with the old master as long as it lets it.
        if (!(error instanceof RedisReplyError) || error.code !== "NOREPLICAS") {
          this.client?.close();
          this.client = undefined;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    this.client?.close();
  }

  private async connect(): Promise<RedisClient> {
    const sentinel = this.wanted.sentinels[0]!;
    const reply = await this.lab.call(sentinel.id, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster");
    const [address, port] = reply as [string, string];
    return connectRedis({ address, port: Number(port) }, dial, { passwords: [PASSWORD], timeoutMs: 500 });
  }

  async stop(): Promise<readonly string[]> {
    this.stopped = true;
    await this.running;
    return this.acknowledged;
  }
}

/**
 * Another client, which orders a failover of its own between the answers of the servers and that of a sentinel, in the first look at the layout after an event with `text`.
 * `orders` are the engine's.
 */
function withInterloper(
  lab: TestLayout,
  text: string,
): { readonly access: InstanceAccess; readonly emit: Emit; readonly orders: string[] } {
  const orders: string[] = [];
  let armed = false;
  const access = watching(lab, async (id, command, next) => {
    if (command.startsWith("SENTINEL FAILOVER")) orders.push(command);
    if (armed && id === "a:26379" && command === "SENTINEL MASTERS") {
      armed = false;
      await waitFor(() => orderTaken(lab), { what: "the order of another client to be taken", timeoutMs: 60_000 });
      await waitFor(() => failedOver(lab), { what: "the failover of another client", timeoutMs: 60_000 });
    }
    return next();
  });
  const emit: Emit = (event) => {
    if (JSON.stringify(event).includes(text)) armed = true;
  };
  return { access, emit, orders };
}

/** A sentinel refuses as long as it has heard nothing of the replicas for some seconds. */
async function orderTaken(lab: TestLayout): Promise<Attempt<undefined>> {
  try {
    await lab.call("a:26379", "SENTINEL", "FAILOVER", "mymaster");
    return { done: true, value: undefined };
  } catch (error) {
    if (!(error instanceof RedisReplyError) || error.code !== "NOGOODSLAVE") throw error;
    return { done: false, missing: error.message };
  }
}

/** Sentinel `a` names another master than `a`, and works on nothing any more. */
async function failedOver(lab: TestLayout): Promise<Attempt<undefined>> {
  const address = await lab.call("a:26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster");
  const flags = await lab.call("a:26379", "SENTINEL", "MASTER", "mymaster");
  const over = !String(address).startsWith(`${lab.instances.get("a:6379")!.address},`) && !String(flags).includes("failover_in_progress");
  return over ? { done: true, value: undefined } : { done: false, missing: "the end of the failover" };
}

async function masterOf(lab: TestLayout, wanted: SentinelWanted): Promise<EngineInstance | undefined> {
  return currentMaster(await observeSentinel(wanted, lab.access), wanted, "mymaster");
}

describe.concurrent("failover of real servers", () => {
  test("a master killed with SIGKILL: the sentinels' choice stays, and nothing is planned against it", async ({ onTestFinished }) => {
    const { lab, wanted: calm } = await TestLayout.formed(THREE, onTestFinished);
    await lab.call("a:6379", "SET", "key", "value");
    await lab.running.get("a:6379")!.stop({ signal: "SIGKILL", keep: true });
    let wanted = await lab.setDownAfter(calm, SHORT_DOWN_AFTER);
    const roleChanges: string[] = [];
    const watch = async () => {
      for (const { action } of (await lab.plan(wanted)).actions)
        if (action.kind !== "await-formed") roleChanges.push(JSON.stringify(action));
    };
    const next = await waitFor(
      async () => {
        await watch();
        const master = await masterOf(lab, wanted);
        return master !== undefined && master.id !== "a:6379" ? { done: true, value: master } : { done: false, missing: "a new master" };
      },
      { what: "the failover", timeoutMs: 120_000 },
    );
    // One failover is enough.
    wanted = await lab.setDownAfter(calm, calm.masters[0]!.downAfterMs);
    // It comes back as the master that it was, with its keys: its file was written again.
    await lab.server("a");
    await lab.call("a:6379", "SET", "only-here", "value");
    await waitFor(
      async () => {
        await watch();
        const plan = await lab.plan(wanted);
        return plan.actions.length === 0 && plan.findings.length === 0
          ? { done: true, value: undefined }
          : { done: false, missing: plan.findings.map(({ text }) => text).join(" ") };
      },
      { what: "a healthy layout", timeoutMs: 120_000, intervalMs: 500 },
    );
    expect(roleChanges).toEqual([]);
    expect(await masterOf(lab, wanted)).toEqual(next);
    const order = restartOrder(await observeSentinel(wanted, lab.access), wanted);
    expect(order).toHaveLength(6);
    expect(order[2]).toBe(next.id);
    expect(order.slice(3)).toEqual(["a:26379", "b:26379", "c:26379"]);
  });

  test("a fenced failover loses no acknowledged write, several times in a row", async ({ onTestFinished }) => {
    const { lab, wanted } = await TestLayout.formed(THREE, onTestFinished);
    const writer = new Writer(lab, wanted);
    let master = wanted.masters[0]!.master.id;
    await setMinReplicasToWrite(await lab.access.client(master), 1);
    for (let round = 0; round < 3; round += 1) {
      const next = await failOverFenced("mymaster", wanted, lab.access, lab.options);
      expect(next).not.toBe(master);
      const observation = await observeSentinel(wanted, lab.access);
      expect([...observation.servers.values()].every((server) => server.reachable && server.fencedFrom === undefined)).toBe(true);
      if (round === 0) expect(observation.servers.get(master)).toMatchObject({ minReplicas: 1, role: "replica" });
      expect((await lab.plan(wanted)).actions).toEqual([]);
      master = next;
    }
    const keys = await writer.stop();
    // An unfenced failover loses hundreds of them.
    expect(keys.length).toBeGreaterThan(50);
    const replies = await Promise.all(keys.map((key) => lab.call(master, "EXISTS", key)));
    expect(keys.filter((_, index) => replies[index] !== 1)).toEqual([]);
    expect(writer.errors).toContain("NOREPLICAS");
  });

  test("the old master writes its file only when every sentinel names the new one: a slow disk must not look like its death", async ({
    onTestFinished,
  }) => {
    const { lab, wanted } = await TestLayout.formed(THREE, onTestFinished);
    const seen: unknown[] = [];
    const access = watching(lab, async (id, command, next) => {
      if (id === "a:6379" && command === "CONFIG REWRITE") {
        const named = wanted.sentinels.map(({ id }) => lab.call(id, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"));
        seen.push(...(await Promise.all(named)));
      }
      return next();
    });
    const next = await failOverFenced("mymaster", wanted, access, lab.options);
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(new Set(seen.map((address) => String(address)))).toEqual(new Set([`${lab.instances.get(next)!.address},6379`]));
  });

  test("a failover by another client, while a sentinel is slow to answer, is not followed by another one", async ({ onTestFinished }) => {
    const { lab, wanted } = await TestLayout.formed(THREE, onTestFinished);
    const { access, emit, orders } = withInterloper(lab, "is asked to fail over");
    const next = await failOverFenced("mymaster", wanted, access, { ...lab.options, emit });
    expect(next).not.toBe("a:6379");
    expect(orders).toEqual([]);
    const observation = await observeSentinel(wanted, lab.access);
    expect(observation.servers.get("a:6379")).toMatchObject({ role: "replica", fencedFrom: undefined });
    expect(observation.sentinels.get("a:26379")).toMatchObject({ masters: [{ configEpoch: 1 }] });
  });

  test("a failover by another client, while the replicas catch up, ends the attempt; the old master takes no writes again", async ({
    onTestFinished,
  }) => {
    const { lab, wanted } = await TestLayout.formed(THREE, onTestFinished);
    const { access, emit, orders } = withInterloper(lab, "refuses writes");
    await expect(failOverFenced("mymaster", wanted, access, { ...lab.options, emit })).rejects.toMatchObject({
      code: "sentinel.failover-failed",
      why: expect.stringContaining("no acknowledged write is lost"),
    });
    expect(orders).toEqual([]);
    expect((await observeSentinel(wanted, lab.access)).servers.get("a:6379")).toMatchObject({ role: "replica", fencedFrom: undefined });
  });

  test("a fence that was left behind is found and taken back; a failover that can't be safe is not begun", async ({ onTestFinished }) => {
    const { lab, wanted } = await TestLayout.formed({ servers: ["a", "b"], sentinels: ["a", "b", "c"] }, onTestFinished);
    await raiseFence(await lab.access.client("a:6379"), 0);
    await expect(lab.call("a:6379", "SET", "key", "1")).rejects.toMatchObject({ code: "NOREPLICAS" });
    const plan = await lab.plan(wanted);
    expect(plan.findings.map(({ code }) => code)).toEqual(["fenced"]);
    expect(plan.actions.map(({ action }) => action)).toEqual([{ kind: "lift-fence", instance: "a:6379", minReplicas: 0 }]);
    await lab.up(wanted);
    expect(await lab.call("a:6379", "SET", "key", "1")).toBe("OK");
    expect((await lab.plan(wanted)).findings).toEqual([]);

    // Cut short while the writes are fenced off: put back.
    const cut = new AbortController();
    const emit = (event: unknown) => {
      if (JSON.stringify(event).includes("refuses writes")) cut.abort(new Error("stopped by the user"));
    };
    await expect(failOverFenced("mymaster", wanted, lab.access, { ...lab.options, emit, signal: cut.signal })).rejects.toMatchObject({
      code: "sentinel.failover-failed",
    });
    expect(await lab.call("a:6379", "SET", "key", "2")).toBe("OK");

    await lab.running.get("b:6379")!.stop({ signal: "SIGKILL", keep: true });
    await expect(failOverFenced("mymaster", wanted, lab.access, { ...lab.options, timeoutMs: 2_500 })).rejects.toMatchObject({
      code: "sentinel.not-ready",
      what: expect.stringContaining("no replica follows the master"),
    });
    expect(await lab.call("a:6379", "SET", "key", "3")).toBe("OK");
  });
});
