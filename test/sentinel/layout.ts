import { connect } from "node:net";
import type { TestContext } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import type { EngineInstance, InstanceAccess, RedisClient, Reply } from "../../lib/redis/types.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import type { SentinelApplyOptions } from "../../lib/sentinel/apply.ts";
import { applySentinel } from "../../lib/sentinel/apply.ts";
import { checkSentinel } from "../../lib/sentinel/check.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import { planSentinel } from "../../lib/sentinel/plan.ts";
import type { SentinelPlan, SentinelWanted } from "../../lib/sentinel/types.ts";
import { overridden } from "../support/client.ts";
import { nextAddress, startServer, type TestServer, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

export const PASSWORD = "Sent1nel_test-password";

/** How long a master is silent before the sentinels fail over, in milliseconds, where they are to do so soon. Sentinels ping once a second: with 1000 a healthy server may count as silent. */
export const SHORT_DOWN_AFTER = 2_000;

/** Real servers and sentinels of one test, and the access of an engine to them. Instance ids are `HOST:PORT` with made-up hosts. */
export class TestLayout {
  readonly running = new Map<string, TestServer>();
  readonly instances = new Map<string, EngineInstance>();
  readonly events: string[] = [];
  private readonly clients = new Map<string, Promise<RedisClient>>();
  readonly secrets = { password: PASSWORD };
  /** Longest wait for an answer, in milliseconds. A busy disk keeps a server silent for seconds (CONFIG REWRITE), so it is short only where one is stopped. */
  patienceMs = 60_000;

  readonly access: InstanceAccess = {
    client: async (id) => {
      const standing = await this.clients.get(id)?.catch(() => undefined);
      if (standing !== undefined && !standing.closed) return standing;
      const client = this.access.connect(id);
      this.clients.set(id, client);
      return client;
    },
    connect: async (id) => {
      const instance = this.instances.get(id);
      if (instance === undefined) throw new Error(`no instance ${id}`);
      const client = await connectRedis(instance, dial, { passwords: [PASSWORD], timeoutMs: this.patienceMs });
      return overridden(client, { call: (command, options) => client.call(command, { timeoutMs: this.patienceMs, ...options }) });
    },
    stream: () => Promise.reject(new Error("nothing replicates by hand here")),
    probe: (_from, address, port) =>
      dial(address, port).then(
        (socket) => {
          socket.destroy();
          return "open" as const;
        },
        () => "refused" as const,
      ),
  };

  get options(): SentinelApplyOptions {
    return { emit: (event) => this.events.push(JSON.stringify(event)), secrets: this.secrets, timeoutMs: 90_000 };
  }

  /** A formed layout, stopped when the test is over. */
  static async formed(
    names: Parameters<TestLayout["bare"]>[0],
    onTestFinished: TestContext["onTestFinished"],
  ): Promise<{ readonly lab: TestLayout; readonly wanted: SentinelWanted }> {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare(names);
    await lab.up(wanted);
    return { lab, wanted };
  }

  async server(host: string, config = ""): Promise<EngineInstance> {
    return this.start(
      host,
      6379,
      `requirepass ${PASSWORD}\nmasterauth ${PASSWORD}\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\n${config}`,
    );
  }

  async sentinel(host: string, config = ""): Promise<EngineInstance> {
    return this.start(host, 26379, config, true);
  }

  private async start(host: string, port: number, config: string, sentinel = false): Promise<EngineInstance> {
    const id = `${host}:${port}`;
    const address = this.instances.get(id)?.address ?? nextAddress();
    const folder = this.running.get(id)?.folder;
    const source = bindsSource() ? `bind-source-addr ${address}\n` : "";
    this.running.set(id, await startServer({ address, port, config: source + config, sentinel, ...(folder !== undefined && { folder }) }));
    const instance = { id, host, address, port };
    this.instances.set(id, instance);
    return instance;
  }

  /**
   * One master, its replicas and sentinels, all bare.
   *
   * @param names.downAfterMs how long a master is silent before the sentinels fail over, in milliseconds. Default: 30000, so that no failover happens but those that a test asks for.
   */
  async bare(names: {
    readonly servers: readonly string[];
    readonly sentinels: readonly string[];
    readonly downAfterMs?: number;
  }): Promise<SentinelWanted> {
    const [servers, sentinels] = await Promise.all([
      Promise.all(names.servers.map((name) => this.server(name))),
      Promise.all(names.sentinels.map((name) => this.sentinel(name))),
    ]);
    const [master, ...replicas] = servers;
    return {
      sentinels,
      masters: [
        {
          name: "mymaster",
          master: master!,
          replicas,
          quorum: 2,
          downAfterMs: names.downAfterMs ?? 30_000,
          parallelSyncs: 1,
          failoverTimeoutMs: 20_000,
        },
      ],
    };
  }

  async plan(wanted: SentinelWanted): Promise<SentinelPlan> {
    return planSentinel(await observeSentinel(wanted, this.access), wanted);
  }

  async up(wanted: SentinelWanted): Promise<SentinelPlan> {
    const plan = await this.plan(wanted);
    await applySentinel(plan, wanted, this.access, this.options);
    return plan;
  }

  /** Tells the sentinels another time after which a silent server counts as down. @returns what the lab wants then */
  async setDownAfter(wanted: SentinelWanted, ms: number): Promise<SentinelWanted> {
    for (const { id } of wanted.sentinels)
      for (const { name } of wanted.masters) await this.call(id, "SENTINEL", "SET", name, "down-after-milliseconds", String(ms));
    return { ...wanted, masters: wanted.masters.map((watched) => ({ ...watched, downAfterMs: ms })) };
  }

  async call(id: string, ...command: string[]): Promise<unknown> {
    return (await this.access.client(id)).call(command);
  }

  /** Waits until nothing is found, and nothing is to be done. */
  async healthy(wanted: SentinelWanted, timeoutMs = 90_000): Promise<void> {
    await waitFor(
      async () => {
        const observation = await observeSentinel(wanted, this.access);
        const texts = checkSentinel(observation, wanted).map(({ text }) => text);
        return texts.length === 0 ? { done: true, value: undefined } : { done: false, missing: texts.join(" ") };
      },
      { what: "a healthy layout", timeoutMs, intervalMs: 200 },
    );
  }

  async stop(): Promise<void> {
    for (const client of this.clients.values()) (await client.catch(() => undefined))?.close();
    await Promise.all([...this.running.values()].map((server) => server.stop({ signal: "SIGKILL" })));
  }
}

/** The lab's access, with every single call (in capital letters) in the hands of `intercept`. */
export function watching(
  lab: TestLayout,
  intercept: (instance: string, command: string, next: () => Promise<Reply>) => Promise<Reply>,
): InstanceAccess {
  const client = async (id: string) => {
    const standing = await lab.access.client(id);
    return overridden(standing, {
      call: (command, options) => intercept(id, command.join(" ").toUpperCase(), () => standing.call(command, options)),
    });
  };
  return { ...lab.access, client };
}

export function dial(address: string, port: number): Promise<import("node:net").Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** From 7.0 on connections no longer come from the first bind address: replicas and sentinels would all announce 127.0.0.1. */
function bindsSource(): boolean {
  return wordsOf(redisVersion(testedVersion())).has("bind-source-addr");
}
