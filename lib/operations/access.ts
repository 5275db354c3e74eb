import { isLabError } from "../base/error.ts";
import { isOurs } from "../bootstrap/ownership.ts";
import type { Connection } from "../connection/connection.ts";
import { type PlacedInstance, type Placement, placedInstances, takesPassword } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { TARGETS } from "../lab/targets.ts";
import { connectRedis, connectStream } from "../redis/client.ts";
import { ClientPool } from "../redis/client-pool.ts";
import { parseInfo } from "../redis/info.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import type { InstanceAccess, RedisClient } from "../redis/types.ts";
import { hostUnreachable, lockedInstance, notThisInstance, otherCheckout, unknownInstance } from "./errors.ts";
import { localServers } from "./local-servers.ts";

export interface Access extends InstanceAccess {
  /** A password that was found in a running configuration, tried after the lab's own: this is how a rotation reaches an instance that still has an older one. */
  addPassword(instanceId: string, password: string): void;
  /** Forgets the client of an instance that is about to be stopped. */
  drop(instanceId: string): void;
  close(): void;
}

/** How long connecting to an instance and each of its replies may take, in milliseconds. */
const INSTANCE_TIMEOUT_MS = 10_000;

type Reachable = Pick<PlacedInstance, "host" | "address" | "port" | "kind">;

/** A node that nobody declared and that the cluster knows: its id is its address. It is spoken to from any host of the lab. */
function foundAt(id: string): Reachable | undefined {
  const { address, port } = /^(?<address>[\d.]+|[0-9a-f:]+):(?<port>\d+)$/.exec(id)?.groups ?? {};
  return address === undefined ? undefined : { host: address, address, port: Number(port), kind: "redis" };
}

/**
 * A server is an instance of the lab when it runs a build of the lab's with the configuration that redis-lab wrote (`executable`, `config_file` of INFO). Another one on its port may be
 * open to everybody, and would become a replica, lose its data, or have its own configuration rewritten.
 */
async function assertIsInstance(client: RedisClient, { id, configFile }: PlacedInstance, prefix: string): Promise<void> {
  const reply = await client.call(["INFO", "server"]).catch((error: unknown) => {
    throw error instanceof RedisReplyError && /^(NOAUTH|NOPERM)$/.test(error.code) ? lockedInstance(id, error.message) : error;
  });
  const info = parseInfo(String(reply));
  const seen = { configFile: info["config_file"] ?? "", executable: info["executable"] ?? "" };
  if (seen.configFile !== configFile || !isOurs(seen.executable, prefix)) throw notThisInstance(id, seen, configFile);
}

/** On this computer a password that is refused may be that of another checkout of the same lab, whose servers have the addresses of ours. */
async function whoElse({ capabilities, hosts }: Placement, { address, port }: Reachable, error: unknown): Promise<Error | undefined> {
  if (capabilities.network !== "computer" || !isLabError(error) || error.code !== "redis.wrong-password") return undefined;
  const server = (await localServers()).find(
    ({ target, title }) => TARGETS[target].network === "computer" && title.split(" ").includes(`${address}:${port}`),
  );
  if (server === undefined || hosts.some(({ paths }) => paths.prefix.startsWith(`${server.root}/.redis-lab/${server.lab}/`)))
    return undefined;
  return otherCheckout(`${address}:${port}`, server, error);
}

/** Clients by instance, opened on first use through the host's own connection and shared by everything that runs in a session. */
export function openAccess(options: {
  readonly placement: Placement;
  readonly secrets: Secrets;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly unreachable: ReadonlyMap<string, Error>;
  /** An instance whose host can't be logged in to is spoken to from another host of the lab. @default false */
  readonly anyRoute?: boolean;
  /** The interruption of the run. An instance that is silent after it is given up. */
  readonly signal?: AbortSignal | undefined;
}): Access {
  const instances = new Map(placedInstances(options.placement).map((instance) => [instance.id, instance]));
  const prefixes = new Map(options.placement.hosts.map(({ name, paths }) => [name, paths.prefix]));
  const more = new Map<string, string>();

  const connectionOf = (id: string): { readonly instance: Reachable; readonly connection: Connection } => {
    const instance = instances.get(id) ?? foundAt(id);
    if (instance === undefined) throw unknownInstance(id, [...instances.keys()]);
    const [another] = options.anyRoute === true || !instances.has(id) ? options.connections.values() : [];
    const connection = options.connections.get(instance.host) ?? another;
    if (connection === undefined) throw hostUnreachable(instance.host, options.unreachable.get(instance.host));
    return { instance, connection };
  };

  /** Sentinels that ask for a password although the declared version knows none: a newer one runs. */
  const asking = new Set<string>();
  const opened = async <T>(id: string, by: (...how: Parameters<typeof connectRedis>) => Promise<T>): Promise<T> => {
    const { instance, connection } = connectionOf(id);
    const found = more.get(id);
    const passwords = [options.secrets.password, options.secrets.previous, found].filter((password) => password !== undefined);
    try {
      return await by(instance, (address, port) => connection.dial(address, port, INSTANCE_TIMEOUT_MS), {
        passwords: takesPassword(options.placement, instance.kind) || asking.has(id) ? [...new Set(passwords)] : [],
        timeoutMs: INSTANCE_TIMEOUT_MS,
        signal: options.signal,
      });
    } catch (error) {
      throw (await whoElse(options.placement, instance, error)) ?? error;
    }
  };
  /** @throws LabError `operations.not-this-instance`, before anything but AUTH and INFO was sent */
  const open = async (id: string): Promise<RedisClient> => {
    const client = await opened(id, connectRedis);
    const instance = instances.get(id);
    if (instance === undefined) return client;
    try {
      await assertIsInstance(client, instance, prefixes.get(instance.host) ?? "");
      return client;
    } catch (error) {
      client.close();
      const locked = isLabError(error) && error.code === "operations.locked-instance";
      if (!locked || asking.has(id) || takesPassword(options.placement, instance.kind)) throw error;
      asking.add(id);
      return open(id).catch((refused: unknown) => {
        asking.delete(id);
        throw isLabError(refused) && refused.code === "redis.wrong-password" ? error : refused;
      });
    }
  };
  const pool = new ClientPool(open);

  return {
    client: (id) => pool.client(id),
    connect: open,
    async stream(id) {
      await pool.client(id);
      return opened(id, connectStream);
    },
    async probe(from, address, port) {
      return connectionOf(from).connection.probe(address, port);
    },
    addPassword(id, password) {
      more.set(id, password);
    },
    drop: (id) => pool.drop(id),
    close: () => pool.close(),
  };
}
