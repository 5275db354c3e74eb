/** Where a key lives, as far as it is known beforehand. */
export interface KeyPlace {
  /** Number of the shard, from 0. */
  readonly shard: number;
  readonly key: string;
  readonly slot: number;
}

/** A client as applications use it, by node-redis: it finds the masters by itself, and follows them. It repeats no command, so that each has one outcome. */
export interface ApplicationClient {
  /** Sends a command about one key. Its time is counted in millionths of a second, so there is as little as can be between it and node-redis. @throws its error: outcome.ts knows what it means */
  send(place: KeyPlace, command: string[]): Promise<unknown>;
  /** Sends commands about one key one behind the other, over one connection. @returns their replies, error replies as errors. @throws the error of the first of them: outcome.ts knows what it means */
  sendAll(place: KeyPlace, commands: readonly (readonly string[])[]): Promise<readonly unknown[]>;
  /** `ADDRESS:PORT` to which it sends commands about this key now; undefined where it knows none. */
  nodeOf(place: KeyPlace): string | undefined;
  /** For a shard from which no answer comes: what was known of it is forgotten, and looked for again. A connection that hangs would otherwise be kept for ever. */
  lookAgain(place: KeyPlace): void;
  close(): void;
}

/** Where a server listens. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

export interface ApplicationOptions {
  /** Undefined for servers that ask for none. */
  readonly password: string | undefined;
  /** Longest wait for a connection, in milliseconds. */
  readonly timeoutMs: number;
}

/** After a failure to connect, in milliseconds. The default of node-redis grows to two seconds, which would count as outage of the lab. */
export const RECONNECT_MS = 50;

/** What all connections have: RESP2, which every version speaks, and no queue in which commands wait for a server that is away. */
export function clientOptions({ password }: Pick<ApplicationOptions, "password">) {
  return {
    ...(password !== undefined && { password }),
    RESP: 2 as const,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
    // Its time-out is for commands that wait to be written, and none waits.
    commandOptions: { timeout: 0 },
  };
}

/** What is not open any more can't be closed, and says so. */
export function discard(client: { destroy(): unknown }): void {
  try {
    void Promise.resolve(client.destroy()).catch(() => {});
  } catch {
    // It was closed before.
  }
}

/** Replies of commands that were sent together; the first one's error is thrown. */
export async function repliesOf(sent: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(sent);
  const replies = settled.map((each) => (each.status === "fulfilled" ? each.value : each.reason));
  if (settled[0]?.status === "rejected") throw settled[0].reason;
  return replies;
}
