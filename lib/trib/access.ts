import { dialDirectly } from "../connection/sockets.ts";
import { connectRedis, connectStream } from "../redis/client.ts";
import type { Dial, InstanceAccess, RedisClient } from "../redis/types.ts";
import type { TribCredentials } from "./credentials.ts";

/** Nodes by `ADDRESS:PORT`, from this computer. */
export interface TribAccess extends InstanceAccess {
  /** A node that is known by another address than the one that leads to it from here. */
  route(id: string, address: string, port: number): void;
  close(): void;
}

/** Longest wait for a connection, and for an answer that takes no time by itself, in milliseconds: a node that hangs must not hang us. */
export const NODE_TIMEOUT_MS = 5_000;

const WHY = {
  refused: "the connection was refused",
  timeout: "there is no answer",
  unreachable: "there is no way to it",
  forbidden: "a packet filter forbids it",
} as const;

export const dial: Dial = async (address, port) => {
  const dialled = await dialDirectly(address, port, NODE_TIMEOUT_MS);
  if ("failure" in dialled) throw new Error(WHY[dialled.failure]);
  return dialled.socket;
};

export function openTribAccess({ user, password }: TribCredentials): TribAccess {
  const routes = new Map<string, { readonly address: string; readonly port: number }>();
  const clients = new Map<string, Promise<RedisClient>>();
  const endpoint = (id: string) => {
    const colon = id.lastIndexOf(":");
    return routes.get(id) ?? { address: id.slice(0, colon), port: Number(id.slice(colon + 1)) };
  };
  const options = { passwords: password === undefined ? [] : [password], user, timeoutMs: NODE_TIMEOUT_MS };
  const connect = (id: string) => connectRedis(endpoint(id), dial, options);
  return {
    async client(id) {
      const known = await clients.get(id)?.catch(() => undefined);
      if (known !== undefined && !known.closed) return known;
      const opening = connect(id);
      clients.set(id, opening);
      return opening;
    },
    connect,
    stream: (id) => connectStream(endpoint(id), dial, options),
    /** Only what is certain from here: that nobody listens. Whether a node reaches another one can't be told without its host. */
    async probe(_from, address, port) {
      const dialled = await dialDirectly(address, port, NODE_TIMEOUT_MS);
      if ("socket" in dialled) dialled.socket.destroy();
      return "failure" in dialled && dialled.failure === "refused" ? "refused" : "open";
    },
    route(id, address, port) {
      routes.set(id, { address, port });
    },
    close() {
      for (const opening of clients.values())
        opening.then(
          (client) => client.close(),
          () => undefined,
        );
      clients.clear();
    },
  };
}
