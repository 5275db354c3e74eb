import type { Connection } from "../connection/connection.ts";
import { type PlacedInstance, type Placement, placedInstances } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { connectRedis, connectStream } from "../redis/client.ts";
import type { InstanceAccess, RedisClient } from "../redis/types.ts";
import { hostUnreachable, unknownInstance } from "./errors.ts";

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

/** Clients by instance, opened on first use through the host's own connection and shared by everything that runs in a session. */
export function openAccess(options: {
  readonly placement: Placement;
  readonly secrets: Secrets;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly unreachable: ReadonlyMap<string, Error>;
  /** An instance whose host can't be logged in to is spoken to from another host of the lab. @default false */
  readonly anyRoute?: boolean;
}): Access {
  const instances = new Map(placedInstances(options.placement).map((instance) => [instance.id, instance]));
  const clients = new Map<string, Promise<RedisClient>>();
  const more = new Map<string, string>();

  const connectionOf = (id: string): { readonly instance: Reachable; readonly connection: Connection } => {
    const instance = instances.get(id) ?? foundAt(id);
    if (instance === undefined) throw unknownInstance(id, [...instances.keys()]);
    const [another] = options.anyRoute === true || !instances.has(id) ? options.connections.values() : [];
    const connection = options.connections.get(instance.host) ?? another;
    if (connection === undefined) throw hostUnreachable(instance.host, options.unreachable.get(instance.host));
    return { instance, connection };
  };

  const opened = async <T>(id: string, by: (...how: Parameters<typeof connectRedis>) => Promise<T>): Promise<T> => {
    const { instance, connection } = connectionOf(id);
    const found = more.get(id);
    const passwords = [options.secrets.password, options.secrets.previous, found].filter((password) => password !== undefined);
    return by(
      instance,
      (address, port) => connection.dial(address, port, INSTANCE_TIMEOUT_MS),
      // A 4.0 sentinel has no AUTH, and redis-lab sets no password on any sentinel.
      { passwords: instance.kind === "sentinel" ? [] : [...new Set(passwords)], timeoutMs: INSTANCE_TIMEOUT_MS },
    );
  };
  const open = (id: string) => opened(id, connectRedis);

  const drop = (id: string) => {
    void clients.get(id)?.then(
      (client) => client.close(),
      () => undefined,
    );
    clients.delete(id);
  };

  return {
    async client(id) {
      const known = await clients.get(id)?.catch(() => undefined);
      if (known !== undefined && !known.closed) return known;
      const opening = open(id);
      clients.set(id, opening);
      return opening;
    },
    connect: open,
    stream: (id) => opened(id, connectStream),
    async probe(from, address, port) {
      return connectionOf(from).connection.probe(address, port);
    },
    addPassword(id, password) {
      more.set(id, password);
    },
    drop,
    close() {
      for (const id of clients.keys()) drop(id);
    },
  };
}
