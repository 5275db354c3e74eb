import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../../lib/base/error.ts";
import { dialDirectly } from "../../../lib/connection/sockets.ts";
import { connectRedis } from "../../../lib/redis/client.ts";
import { RedisReplyError } from "../../../lib/redis/reply-error.ts";
import type { RedisClient } from "../../../lib/redis/types.ts";

/** What became of a writer's work. */
export interface WriterReport {
  /** Last number that the server acknowledged, by key. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Writes that failed, with the reason; tried again until they succeeded. */
  readonly failures: readonly string[];
}

/**
 * A client that writes 1, 2, 3 … to each of its keys as fast as it is let, with one write at a time for each key. It follows MOVED, and after a failure asks the members in turn, as a
 * client library would. Every connection reads the password from the project's secrets file.
 */
export class Writer {
  readonly #members: readonly string[];
  readonly #secretsFile: string;
  readonly #acknowledged = new Map<string, number>();
  readonly #failures: string[] = [];
  readonly #entry: (key: string, number: number) => string;
  readonly #loops: Promise<void>[];
  #stopped = false;

  /**
   * @param members addresses of the servers, all on port 6379
   * @param entry the key under which a number is written, in the slot of the given one. Default: the given one, so that each number replaces the one before
   */
  constructor(
    members: readonly string[],
    keys: readonly string[],
    secretsFile: string,
    entry: (key: string, number: number) => string = (key) => key,
  ) {
    this.#entry = entry;
    this.#members = members;
    this.#secretsFile = secretsFile;
    this.#loops = keys.map((key) => this.#write(key));
  }

  /** Writes that were acknowledged so far. */
  get count(): number {
    return [...this.#acknowledged.values()].reduce((sum, number) => sum + number, 0);
  }

  /** Ends after the write that is under way. */
  async stop(): Promise<WriterReport> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    return { acknowledged: this.#acknowledged, failures: this.#failures };
  }

  async #write(key: string): Promise<void> {
    let at = this.#members[0] ?? "";
    let turn = 0;
    let client: RedisClient | undefined;
    for (let number = 1; ; ) {
      try {
        client ??= await this.#connect(at);
        await client.call(["SET", this.#entry(key, number), number]);
        this.#acknowledged.set(key, number);
        if (this.#stopped) break;
        number += 1;
      } catch (error) {
        client?.close();
        client = undefined;
        const asked = error instanceof RedisReplyError && error.code === "ASK" ? error.message.split(" ")[2] : undefined;
        if (asked !== undefined && (await this.#writeAsking(asked.slice(0, asked.lastIndexOf(":")), key, number))) {
          number += 1;
          continue;
        }
        const moved = error instanceof RedisReplyError && error.code === "MOVED" ? error.message.split(" ")[2] : undefined;
        if (moved !== undefined) {
          at = moved.slice(0, moved.lastIndexOf(":"));
          continue;
        }
        this.#failures.push(`${key} at ${at}: ${messageOf(error)}`);
        turn += 1;
        at = this.#members[turn % this.#members.length] ?? "";
        // What a client library waits before it tries again.
        await delay(20);
      }
    }
    client?.close();
  }

  /** The slot is on its way: this key is at its target already, which takes it from who says ASKING. */
  async #writeAsking(address: string, key: string, number: number): Promise<boolean> {
    const client = await this.#connect(address);
    try {
      const [, reply] = await client.callAll([["ASKING"], ["SET", this.#entry(key, number), number]]);
      if (reply !== "OK") return false;
      this.#acknowledged.set(key, number);
      return true;
    } finally {
      client.close();
    }
  }

  async #connect(address: string): Promise<RedisClient> {
    const secrets = JSON.parse(await readFile(this.#secretsFile, "utf8")) as { readonly password: string; readonly previous?: string };
    const passwords = [secrets.password, ...(secrets.previous === undefined ? [] : [secrets.previous])];
    const dial = async (to: string, port: number) => {
      const dialled = await dialDirectly(to, port, 20_000);
      if ("failure" in dialled) throw new Error(dialled.failure);
      return dialled.socket;
    };
    return connectRedis({ address, port: 6379 }, dial, { passwords, timeoutMs: 20_000 });
  }
}
