import { clientClosed } from "./errors.ts";
import type { RedisClient } from "./types.ts";

/** What the pool has to know of a connection. */
export type Closable = Pick<RedisClient, "closed" | "close">;

interface Entry<T> {
  readonly opening: Promise<T>;
  /** Undefined until it is open. */
  opened: T | undefined;
}

/** Connections by instance id, opened on first use and shared by everything that asks for them at once or later. */
export class ClientPool<T extends Closable = RedisClient> {
  readonly #open: (instanceId: string) => Promise<T>;
  readonly #entries = new Map<string, Entry<T>>();
  #closed = false;

  constructor(open: (instanceId: string) => Promise<T>) {
    this.#open = open;
  }

  /**
   * The connection of an instance; a new one where the last was lost. Those who ask while it is being opened share it, or its failure; the next to ask after a failure tries again.
   *
   * @throws LabError `redis.closed` after `close`; what `open` rejects with
   */
  async client(instanceId: string): Promise<T> {
    if (this.#closed) throw clientClosed(instanceId, "A call");
    const known = this.#entries.get(instanceId);
    if (known !== undefined && known.opened?.closed !== true) return known.opening;
    const opening = this.#open(instanceId);
    const entry: Entry<T> = { opening, opened: undefined };
    // Within the turn of the question: a second one that comes before the answer must find it.
    this.#entries.set(instanceId, entry);
    opening.then(
      (opened) => {
        entry.opened = opened;
      },
      () => {
        if (this.#entries.get(instanceId) === entry) this.#entries.delete(instanceId);
      },
    );
    return opening;
  }

  /** Closes the connection of an instance, or closes it as soon as it is open; the next to ask gets a new one. */
  drop(instanceId: string): void {
    const entry = this.#entries.get(instanceId);
    this.#entries.delete(instanceId);
    entry?.opening.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }

  /** Closes all connections, those that are still being opened too, and opens none from then on. */
  close(): void {
    this.#closed = true;
    for (const instanceId of [...this.#entries.keys()]) this.drop(instanceId);
  }
}
