import { connect } from "node:net";
import type { LabEvent } from "../../lib/base/events.ts";
import { observeCluster, selfOf } from "../../lib/cluster/model/observe.ts";
import { formatRanges } from "../../lib/cluster/model/slots.ts";
import type { ClusterMember } from "../../lib/cluster/model/types.ts";
import { connectRedis, connectStream } from "../../lib/redis/client.ts";
import type { InstanceAccess, RedisClient } from "../../lib/redis/types.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { nextAddress, startServer, type TestServer, testedVersion } from "../support/redis.ts";
import { redisVersion } from "../support/versions.ts";

/** Small, so that failures show soon; far above a hiccup of a busy computer. In milliseconds. */
export const NODE_TIMEOUT = 2000;

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
  readonly #clients = new Map<string, Promise<RedisClient>>();
  readonly #configs = new Map<string, string>();

  static async start(names: readonly string[], config: Readonly<Record<string, string>> = {}): Promise<Lab> {
    const lab = new Lab();
    await Promise.all(names.map((name) => lab.add(name, config[name])));
    lab.members.sort((a, b) => names.indexOf(a.host) - names.indexOf(b.host));
    return lab;
  }

  /** Starts one more, at a new address or an old one. */
  async add(name: string, config = "", address = nextAddress(), folder?: string): Promise<ClusterMember> {
    const server = await startServer({
      address,
      config: `${CALLS_FROM_OWN_ADDRESS ? `bind-source-addr ${address}\n` : ""}requirepass ${PASSWORD}\nmasterauth ${PASSWORD}\nrepl-diskless-sync-delay 0\ncluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout ${NODE_TIMEOUT}\n${config}`,
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
    client: (id) => {
      const kept = this.#clients.get(id);
      if (kept !== undefined) return kept;
      const client = this.access.connect(id);
      this.#clients.set(id, client);
      client.catch(() => this.#clients.delete(id));
      return client;
    },
    connect: async (id) => {
      const { address, port } = this.member(id);
      return connectRedis({ address, port }, dial, { passwords: [PASSWORD], timeoutMs: 2000 });
    },
    stream: (id) => connectStream(this.member(id), dial, { passwords: [PASSWORD], timeoutMs: 2000 }),
    probe: (from, address, port) =>
      new Promise((resolve) => {
        const socket = connect({ host: address, port, localAddress: this.member(from).address });
        const done = (result: "open" | "refused" | "timeout" | "unreachable") => {
          socket.destroy();
          resolve(result);
        };
        socket.setTimeout(1000, () => done("timeout"));
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
    await this.#forget(id);
    await this.servers.get(id)?.stop({ signal: options.signal ?? "SIGKILL", keep: options.wipe === false });
  }

  /** Starts a killed server again at its address and with its configuration, in its folder or in a new one. */
  async restart(id: string, options: { readonly wiped: boolean }): Promise<void> {
    const { host, address } = this.member(id);
    const folder = options.wiped ? undefined : this.servers.get(id)?.folder;
    await this.add(host, this.#configs.get(id), address, folder);
  }

  /** Back to fresh, empty nodes with new ids, on the same processes. */
  async reset(): Promise<void> {
    await Promise.all(
      this.members.map(async ({ id }) => {
        await this.call(id, "FLUSHALL").catch(() => undefined); // replicas are read-only
        await this.call(id, "CLUSTER", "RESET", "HARD");
        await this.call(id, "FLUSHALL");
      }),
    );
    this.events.length = 0;
  }

  async stop(): Promise<void> {
    for (const id of [...this.#clients.keys()]) await this.#forget(id);
    await Promise.all([...this.servers.values()].map((server) => server.stop({ signal: "SIGKILL" })));
  }

  async #forget(id: string): Promise<void> {
    const client = this.#clients.get(id);
    this.#clients.delete(id);
    (await client?.catch(() => undefined))?.close();
  }
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
