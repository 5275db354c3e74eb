import { waitFor } from "../../../lib/base/wait.ts";
import { dialDirectly } from "../../../lib/connection/sockets.ts";
import { connectRedis } from "../../../lib/redis/client.ts";
import { RedisReplyError } from "../../../lib/redis/reply-error.ts";
import type { Argument, RedisClient, Reply } from "../../../lib/redis/types.ts";

/** A client of a cluster that knows its values by heart: `key-N` is `value-N`. */
export class Values {
  readonly #members: readonly string[];
  readonly #password: string;

  /** @param members addresses of servers on port 6379; the cluster tells the rest by MOVED */
  constructor(members: readonly string[], password: string) {
    this.#members = members;
    this.#password = password;
  }

  /** Returns when a replica has each of them: a master that is switched off takes with it what it alone had. */
  async write(count: number): Promise<void> {
    await this.#each(count, async (call, number) => {
      await call(["SET", `key-${number}`, `value-${number}`]);
      await waitFor(
        async () =>
          Number(await call(["WAIT", 1, 5_000])) > 0 ? { done: true, value: undefined } : { done: false, missing: `key-${number}` },
        { what: "a replica to have what was written", timeoutMs: 120_000 },
      );
    });
  }

  /** The numbers, of those up to `count`, whose value is not there as it was written. */
  async missing(count: number): Promise<readonly number[]> {
    const missing: number[] = [];
    await this.#each(count, async (call, number) => {
      if (String(await call(["GET", `key-${number}`])) !== `value-${number}`) missing.push(number);
    });
    return missing;
  }

  async #each(count: number, work: (call: (words: readonly Argument[]) => Promise<Reply>, number: number) => Promise<void>): Promise<void> {
    const clients = new Map<string, RedisClient>();
    let at = this.#members[0] ?? "";
    const call = async (words: readonly Argument[]): Promise<Reply> => {
      const client = clients.get(at) ?? (await this.#connect(at));
      clients.set(at, client);
      try {
        return await client.call(words);
      } catch (error) {
        const moved = error instanceof RedisReplyError && error.code === "MOVED" ? error.message.split(" ")[2] : undefined;
        if (moved === undefined) throw error;
        at = moved.slice(0, moved.lastIndexOf(":"));
        return call(words);
      }
    };
    try {
      for (let number = 1; number <= count; number += 1) await work(call, number);
    } finally {
      for (const client of clients.values()) client.close();
    }
  }

  #connect(address: string): Promise<RedisClient> {
    const dial = async (to: string, port: number) => {
      const dialled = await dialDirectly(to, port, 10_000);
      if ("failure" in dialled) throw new Error(dialled.failure);
      return dialled.socket;
    };
    return connectRedis({ address, port: 6379 }, dial, { passwords: [this.#password], timeoutMs: 20_000 });
  }
}
