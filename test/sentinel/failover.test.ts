import { describe, expect, test } from "vitest";
import { connectRedis } from "../../lib/redis/client.ts";
import { setMinReplicasToWrite } from "../../lib/redis/commands.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import type { EngineInstance, RedisClient } from "../../lib/redis/types.ts";
import { failOverFenced } from "../../lib/sentinel/failover.ts";
import { raiseFence } from "../../lib/sentinel/fence.ts";
import { currentMaster } from "../../lib/sentinel/master.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import { restartOrder } from "../../lib/sentinel/plan.ts";
import type { SentinelWanted } from "../../lib/sentinel/types.ts";
import { waitFor } from "../../lib/wait.ts";
import { dial, PASSWORD, TestLayout } from "./layout.ts";

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
        // A refused write asks nobody anew: the worst client, which stays with the old master as long as it lets it.
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

async function masterOf(lab: TestLayout, wanted: SentinelWanted): Promise<EngineInstance | undefined> {
  return currentMaster(await observeSentinel(wanted, lab.access), wanted, "mymaster");
}

describe.concurrent("failover of real servers", () => {
  test("a master killed with SIGKILL: the sentinels' choice stays, and nothing is planned against it", { timeout: 90_000 }, async ({
    onTestFinished,
  }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare(THREE);
    await lab.up(wanted);
    await lab.call("a:6379", "SET", "key", "value");
    await lab.running.get("a:6379")!.stop({ signal: "SIGKILL", keep: true });
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
      { what: "the failover", timeoutMs: 20_000 },
    );
    // It comes back as the master that it was, with its keys: its file was written anew.
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
      { what: "a healthy layout", timeoutMs: 50_000, intervalMs: 500 },
    );
    expect(roleChanges).toEqual([]);
    expect(await masterOf(lab, wanted)).toEqual(next);
    const order = restartOrder(await observeSentinel(wanted, lab.access), wanted);
    expect(order).toHaveLength(6);
    expect(order[2]).toBe(next.id);
    expect(order.slice(3)).toEqual(["a:26379", "b:26379", "c:26379"]);
  });

  test("a fenced failover loses no acknowledged write, several times in a row", { timeout: 90_000 }, async ({ onTestFinished }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare(THREE);
    await lab.up(wanted);
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

  test("a fence that was left behind is found and taken back; a failover that can't be safe is not begun", { timeout: 90_000 }, async ({
    onTestFinished,
  }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare({ servers: ["a", "b"], sentinels: ["a", "b", "c"] });
    await lab.up(wanted);
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
