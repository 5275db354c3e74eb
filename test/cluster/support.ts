import { connect } from "node:net";
import type { LabEvent } from "../../lib/base/events.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { observeCluster, selfOf } from "../../lib/cluster/model/observe.ts";
import { formatRanges } from "../../lib/cluster/model/slots.ts";
import type { ClusterMember } from "../../lib/cluster/model/types.ts";
import { connectRedis, connectStream } from "../../lib/redis/client.ts";
import { ClientPool } from "../../lib/redis/client-pool.ts";
import type { InstanceAccess, RedisClient } from "../../lib/redis/types.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { overridden } from "../support/client.ts";
import { nextAddress, startServer, type TestServer, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

/** cluster-node-timeout of a lab in which no server is to count as failed, in milliseconds: on a busy computer one is silent for seconds, while nodes.conf is flushed or others have the processor. */
const CALM_TIMEOUT = 15_000;

/** The same where failures are to show soon. */
export const NODE_TIMEOUT = 2000;

/** Replicas are promoted by a command, and never by themselves. Known from 4.0.9 on. */
export const NO_ELECTIONS = "cluster-slave-no-failover yes";

/** Longest wait for an answer of a server, in milliseconds: each is alive and answers at last, or its port is closed. */
const PATIENCE_MS = 60_000;

export const PASSWORD = "a-password-for-tests";

const WORDS = wordsOf(redisVersion(testedVersion()));

/** From 7.0 on the first address of `bind` is no longer the one from which a server calls others. */
export const CALLS_FROM_OWN_ADDRESS = WORDS.has("bind-source-addr");

/** From 7.2 on those who forgot a node tell the others, for as long as they refuse it (CLUSTERMSG_EXT_TYPE_FORGOTTEN_NODE). */
export const TELLS_OF_FORGOTTEN = WORDS.rdbVersion >= 11;

/** From 5.0 on redis-cli has --cluster. */
export const HAS_REDIS_CLI_CLUSTER = WORDS.has("replicaof");

/** Three masters, three replicas, and one more that is declared standby. */
export const SIX = ["m1", "m2", "m3", "r1", "r2", "r3"] as const;

/** `m2` → master, `r2` or `r2b` → replica of `m2`, `s…` → standby; port 6379. */
export function memberOf(name: string, address: string): ClusterMember {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  const role: ClusterMember["role"] = name.startsWith("m")
    ? { kind: "cluster-master", index: number - 1 }
    : name.startsWith("r")
      ? { kind: "cluster-replica", master: `m${number}:6379` }
      : { kind: "standby" };
  return { id: `${name}:6379`, host: name, address, port: 6379, role };
}

/** Redis servers on loopback, by short names, with an access to them. */
export class Lab {
  readonly members: ClusterMember[] = [];
  readonly events: LabEvent[] = [];
  readonly servers = new Map<string, TestServer>();
  readonly #pool = new ClientPool((id) => this.access.connect(id));
  readonly #nodeTimeoutMs: number;
  readonly #configs = new Map<string, string>();

  constructor(nodeTimeoutMs = CALM_TIMEOUT) {
    this.#nodeTimeoutMs = nodeTimeoutMs;
  }

  /** @param nodeTimeoutMs NODE_TIMEOUT where servers are to count as failed */
  static async start(names: readonly string[], config: Readonly<Record<string, string>> = {}, nodeTimeoutMs?: number): Promise<Lab> {
    const lab = new Lab(nodeTimeoutMs);
    await Promise.all(names.map((name) => lab.add(name, config[name])));
    lab.members.sort((a, b) => names.indexOf(a.host) - names.indexOf(b.host));
    return lab;
  }

  /** Starts one more, at a new address or an old one. */
  async add(name: string, config = "", address = nextAddress(), folder?: string): Promise<ClusterMember> {
    const server = await startServer({
      address,
      config: `${CALLS_FROM_OWN_ADDRESS ? `bind-source-addr ${address}\n` : ""}requirepass ${PASSWORD}\nmasterauth ${PASSWORD}\nrepl-diskless-sync-delay 0\ncluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout ${this.#nodeTimeoutMs}\n${config}`,
      ...(folder !== undefined && { folder }),
    });
    const member = memberOf(name, address);
    this.servers.set(member.id, server);
    this.#configs.set(member.id, config);
    const at = this.members.findIndex(({ id }) => id === member.id);
    if (at < 0) this.members.push(member);
    else this.members[at] = member;
    return member;
  }

  readonly access: InstanceAccess = {
    client: (id) => this.#pool.client(id),
    connect: async (id) => patient(await connectRedis(this.member(id), dial, { passwords: [PASSWORD], timeoutMs: PATIENCE_MS })),
    stream: (id) => connectStream(this.member(id), dial, { passwords: [PASSWORD], timeoutMs: PATIENCE_MS }),
    probe: (from, address, port) =>
      new Promise((resolve) => {
        const socket = connect({ host: address, port, localAddress: this.member(from).address });
        const done = (result: "open" | "refused" | "timeout" | "unreachable") => {
          socket.destroy();
          resolve(result);
        };
        socket.setTimeout(PATIENCE_MS, () => done("timeout"));
        socket.once("connect", () => done("open"));
        socket.once("error", (error: NodeJS.ErrnoException) => done(error.code === "ECONNREFUSED" ? "refused" : "unreachable"));
      }),
  };

  readonly emit = (event: LabEvent): void => {
    this.events.push(event);
  };

  member(id: string): ClusterMember {
    const member = this.members.find((candidate) => candidate.id === id);
    if (member === undefined) throw new Error(`no ${id}`);
    return member;
  }

  async call(id: string, ...command: string[]): Promise<unknown> {
    return (await this.access.client(id)).call(command);
  }

  /** Ends a server; `wipe: false` keeps its folder, so that `restart` finds its nodes.conf. */
  async kill(id: string, options: { readonly signal?: NodeJS.Signals; readonly wipe?: boolean } = {}): Promise<void> {
    this.#pool.drop(id);
    await this.servers.get(id)?.stop({ signal: options.signal ?? "SIGKILL", keep: options.wipe === false });
  }

  /** Starts a killed server again at its address and with its configuration, in its folder or in a new one. */
  async restart(id: string, options: { readonly wiped: boolean }): Promise<void> {
    const { host, address } = this.member(id);
    const folder = options.wiped ? undefined : this.servers.get(id)?.folder;
    await this.add(host, this.#configs.get(id), address, folder);
  }

  /** From now on a server that is silent for so long counts as failed. */
  async setNodeTimeout(ms: number): Promise<void> {
    await Promise.all(this.members.map(({ id }) => this.call(id, "CONFIG", "SET", "cluster-node-timeout", String(ms))));
  }

  /**
   * Back to fresh, empty nodes with new ids, on the same processes. A MEET that was under way reaches a node that was reset already, and makes it know the sender: so all are looked at until they are alone,
   * twice in a row.
   */
  async reset(): Promise<void> {
    await Promise.all(this.members.map(({ id }) => this.#resetOne(id)));
    let clean = 0;
    await waitFor(
      async () => {
        const views = await Promise.all(
          this.members.map(async ({ id }) => ({ id, view: String(await this.call(id, "CLUSTER", "NODES")) })),
        );
        const met = views.filter(({ view }) => view.trim().split("\n").length > 1).map(({ id }) => id);
        await Promise.all(met.map((id) => this.#resetOne(id)));
        clean = met.length === 0 ? clean + 1 : 0;
        return clean >= 2
          ? { done: true, value: undefined }
          : { done: false, missing: `${met.join(", ") || "a second look at who is"} alone` };
      },
      { what: "nodes that know nobody", timeoutMs: 60_000 },
    );
    this.events.length = 0;
  }

  async #resetOne(id: string): Promise<void> {
    await this.call(id, "FLUSHALL").catch(() => undefined); // replicas are read-only
    await this.call(id, "CLUSTER", "RESET", "HARD");
    await this.call(id, "FLUSHALL");
  }

  async stop(): Promise<void> {
    this.#pool.close();
    await Promise.all([...this.servers.values()].map((server) => server.stop({ signal: "SIGKILL" })));
  }
}

/** The same client, with at least the patience of a test for each answer. */
function patient(client: RedisClient): RedisClient {
  const longer = <Options extends { readonly timeoutMs?: number | undefined }>(options?: Options) => ({
    ...options,
    timeoutMs: Math.max(PATIENCE_MS, options?.timeoutMs ?? 0),
  });
  return overridden(client, {
    call: (command, options) => client.call(command, longer(options)),
    callAll: (commands, options) => client.callAll(commands, longer(options)),
    callTyped: (command, options) => client.callTyped(command, longer(options)),
  });
}

export function dial(address: string, port: number) {
  return new Promise<ReturnType<typeof connect>>((resolve, reject) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Role and slots of every member as it says itself, in the words of the lab. */
export async function topologyOf(lab: Lab): Promise<string[]> {
  const { nodes } = await observeCluster(lab.members, lab.access);
  const names = new Map([...nodes.values()].flatMap((node) => (node.reachable ? [[node.nodeId, node.id] as const] : [])));
  return [...nodes.values()].map((node) => {
    if (!node.reachable) return `${node.id} unreachable: ${node.error}`;
    const self = selfOf(node);
    if (self?.masterId !== undefined) return `${node.id} replica of ${names.get(self.masterId)}`;
    if (node.view.length === 1) return `${node.id} alone`;
    return `${node.id} master ${formatRanges(self?.slots ?? [])}`;
  });
}
