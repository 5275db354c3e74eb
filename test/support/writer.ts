import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as breathe } from "node:timers/promises";
import { connectRedis } from "../../lib/redis/client.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import type { RedisClient, Reply } from "../../lib/redis/types.ts";

/** `ADDRESS:PORT`. */
type Endpoint = string;

export interface Writer {
  /** Ends the writing; then reads everything back and returns the keys that were acknowledged and are gone. */
  stop(): Promise<{ readonly acknowledged: number; readonly lost: readonly string[]; readonly refusedPasswords: number }>;
}

export interface WriterOptions {
  /** Where to begin; a cluster tells the rest by MOVED. */
  readonly endpoints: readonly Endpoint[];
  /** Tried in order at every connection. Connections are kept for as long as the server keeps them. */
  readonly passwords: () => Promise<readonly string[]>;
  /** Asked who the master is before each connection, where MOVED does not tell. */
  readonly master?: () => Promise<Endpoint>;
  /** Words that follow `SET KEY VALUE`. @default none */
  readonly setWith?: readonly string[];
}

/**
 * A client that writes one key after the other without a pause and keeps what was acknowledged. A write that fails is tried again, as the same key with the same value,
 * until it is acknowledged: what it counts as acknowledged must be there at the end.
 */
export function startWriter(options: WriterOptions): Writer {
  const clients = new Map<Endpoint, RedisClient>();
  const acknowledged = new Map<string, string>();
  let running = true;
  let refusedPasswords = 0;
  let turn = 0;

  const clientOf = async (endpoint: Endpoint): Promise<RedisClient> => {
    const known = clients.get(endpoint);
    if (known !== undefined && !known.closed) return known;
    const [address = "", port = ""] = endpoint.split(":");
    const client = await connectRedis(
      { address, port: Number(port) },
      async (to, at) => {
        const socket = connect({ host: to, port: at });
        await once(socket, "connect");
        return socket;
      },
      { passwords: await options.passwords(), timeoutMs: 5_000 },
    );
    clients.set(endpoint, client);
    return client;
  };

  /** One command, following MOVED from wherever the last one went. */
  let at: Endpoint = options.endpoints[0] ?? "";
  const command = async (words: readonly string[]): Promise<Reply> => {
    for (;;) {
      try {
        if (options.master !== undefined) at = await options.master();
        return await (await clientOf(at)).call(words);
      } catch (error) {
        const moved = error instanceof RedisReplyError ? /^(?:MOVED|ASK) \d+ (\S+)/.exec(error.message)?.[1] : undefined;
        if (moved !== undefined) {
          at = moved;
          continue;
        }
        if (error instanceof Error && "code" in error && error.code === "redis.wrong-password") refusedPasswords += 1;
        // Gone, loading, fenced or without its cluster: another node may know more.
        if (!running && acknowledged.size === 0) throw error;
        turn += 1;
        at = options.endpoints[turn % options.endpoints.length] ?? at;
        await breathe();
      }
    }
  };

  const loop = (async () => {
    for (let number = 0; running; number += 1) {
      const key = `written:${number}`;
      await command(["SET", key, `value ${number}`, ...(options.setWith ?? [])]);
      acknowledged.set(key, `value ${number}`);
    }
  })();

  return {
    async stop() {
      running = false;
      await loop;
      const lost: string[] = [];
      for (const [key, value] of acknowledged) if ((await command(["GET", key])) !== value) lost.push(key);
      for (const client of clients.values()) client.close();
      return { acknowledged: acknowledged.size, lost, refusedPasswords };
    },
  };
}
