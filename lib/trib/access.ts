import { assertNoStranger } from "../connection/socket-owner.ts";
import { dialDirectly } from "../connection/sockets.ts";
import { connectRedis, connectStream } from "../redis/client.ts";
import { ClientPool } from "../redis/client-pool.ts";
import { unreachable } from "../redis/errors.ts";
import type { Dial, InstanceAccess } from "../redis/types.ts";
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

/** @param password is about to be sent, and so not to the process of another person of this computer, who would listen where a node is down */
export const dialWith =
  (password: string | undefined): Dial =>
  async (address, port) => {
    const dialled = await dialDirectly(address, port, NODE_TIMEOUT_MS);
    if ("failure" in dialled) throw unreachable(`${address}:${port}`, new Error(WHY[dialled.failure]));
    if (password !== undefined) await assertNoStranger(dialled.socket, { address, port });
    return dialled.socket;
  };

/** @param signal the interruption of the run: a node that is silent after it is given up */
export function openTribAccess({ user, password }: TribCredentials, signal: AbortSignal): TribAccess {
  const routes = new Map<string, { readonly address: string; readonly port: number }>();
  const endpoint = (id: string) => {
    const colon = id.lastIndexOf(":");
    return routes.get(id) ?? { address: id.slice(0, colon), port: Number(id.slice(colon + 1)) };
  };
  const options = { passwords: password === undefined ? [] : [password], user, timeoutMs: NODE_TIMEOUT_MS, signal };
  const dial = dialWith(password);
  const connect = (id: string) => connectRedis(endpoint(id), dial, options);
  const pool = new ClientPool(connect);
  return {
    client: (id) => pool.client(id),
    connect,
    stream: (id) => connectStream(endpoint(id), dial, options),
    /** Only what is certain from here: that nobody listens. Whether a node reaches another one is not known without its host. */
    async probe(_from, address, port) {
      const dialled = await dialDirectly(address, port, NODE_TIMEOUT_MS, signal);
      if ("socket" in dialled) dialled.socket.destroy();
      return "failure" in dialled && dialled.failure === "refused" ? "refused" : "open";
    },
    route(id, address, port) {
      routes.set(id, { address, port });
    },
    close: () => pool.close(),
  };
}
