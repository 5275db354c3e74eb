import { createClient } from "@redis/client";
import {
  type ApplicationClient,
  type ApplicationOptions,
  clientOptions,
  discard,
  RECONNECT_MS,
  repliesOf,
  type ServerAddress,
} from "./application-client.ts";

/** There is no connection to a master at this moment: nothing was sent. */
class NoMasterNow extends Error {}

type Client = ReturnType<typeof makeClient>;

function makeClient({ address, port }: ServerAddress, options: ApplicationOptions) {
  const client = createClient({
    ...clientOptions(options),
    socket: { host: address, port, connectTimeout: options.timeoutMs, reconnectStrategy: false },
  });
  client.on("error", () => {});
  return client;
}

/** Connects within the time-out, handshake included: a process that hangs accepts connections all the same. */
async function connected(server: ServerAddress, options: ApplicationOptions): Promise<Client> {
  const client = makeClient(server, options);
  const late = setTimeout(() => discard(client), options.timeoutMs);
  try {
    await client.connect();
    return client;
  } catch (error) {
    discard(client);
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** The same of a sentinel, which may not ask for a password yet. @param options `password`: undefined where sentinels take none */
async function connectedSentinel(sentinel: ServerAddress, options: ApplicationOptions): Promise<Client> {
  try {
    return await connected(sentinel, options);
  } catch (error) {
    const open = error instanceof Error && /no password is set|without any password configured|unknown command/i.test(error.message);
    if (!open) throw error;
    return connected(sentinel, { ...options, password: undefined });
  }
}

/** Asks one sentinel, and closes the connection whatever happens. */
async function askSentinel(sentinel: ServerAddress, name: string, options: ApplicationOptions): Promise<ServerAddress> {
  const client = await connectedSentinel(sentinel, options);
  const late = setTimeout(() => discard(client), options.timeoutMs);
  try {
    const reply = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
    if (!Array.isArray(reply)) throw new NoMasterNow(`the sentinel knows no ${name}`);
    return { address: String(reply[0]), port: Number(reply[1]) };
  } finally {
    clearTimeout(late);
    discard(client);
  }
}

/** A connection to the server that is the master now, by the rules for clients of sentinels: ask where it is, connect, ask it for its role; after every loss of the connection again. */
class FollowedMaster {
  readonly #find: () => Promise<readonly ServerAddress[]>;
  readonly #options: ApplicationOptions;
  #client: Client | undefined;
  #address: string | undefined;
  #seeking: Promise<void> | undefined;
  #closed = false;

  /** @param find where it may be, the likeliest first */
  constructor(find: () => Promise<readonly ServerAddress[]>, options: ApplicationOptions) {
    this.#find = find;
    this.#options = options;
  }

  get node(): string | undefined {
    return this.#address;
  }

  /** @throws why there is no master now */
  async open(): Promise<void> {
    await this.#connect();
  }

  /** @throws the error of the command */
  send<T>(commands: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === undefined || !client.isReady) {
      this.seek();
      return Promise.reject(new NoMasterNow("there is no connection to a master"));
    }
    return commands(client).catch((error: unknown) => {
      // It has become a replica.
      if (error instanceof Error && error.message.startsWith("READONLY") && client === this.#client) this.forget();
      throw error;
    });
  }

  /** Looks for the master again; what is under way on the old connection comes to its end or to its time-out. */
  forget(): void {
    const old = this.#client;
    this.#client = undefined;
    if (old !== undefined) setTimeout(() => discard(old), this.#options.timeoutMs).unref();
    this.seek();
  }

  seek(): void {
    if (this.#closed) return;
    this.#seeking ??= this.#connect()
      .catch(() => {
        setTimeout(() => this.#client === undefined && this.seek(), RECONNECT_MS).unref();
      })
      .finally(() => {
        this.#seeking = undefined;
      });
  }

  close(): void {
    this.#closed = true;
    if (this.#client !== undefined) discard(this.#client);
  }

  async #connect(): Promise<void> {
    let last: unknown = new NoMasterNow("there is no server to ask");
    for (const server of await this.#find()) {
      try {
        return await this.#connectTo(server);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #connectTo(server: ServerAddress): Promise<void> {
    const client = await connected(server, this.#options);
    const late = setTimeout(() => discard(client), this.#options.timeoutMs);
    const role = await client.sendCommand(["ROLE"]).finally(() => clearTimeout(late));
    if (this.#closed || !Array.isArray(role) || role[0] !== "master") {
      discard(client);
      throw new NoMasterNow(`${server.address}:${server.port} is no master`);
    }
    this.#client = client;
    this.#address = `${server.address}:${server.port}`;
    client.once("end", () => this.#lost(client));
    client.once("error", () => this.#lost(client));
  }

  #lost(client: Client): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.seek();
  }
}

function following(masters: readonly FollowedMaster[], end: () => void): ApplicationClient {
  const of = (shard: number) => {
    const master = masters[shard];
    if (master === undefined) throw new Error(`there is no shard ${shard}`);
    return master;
  };
  return {
    send: ({ shard }, command) => of(shard).send((client) => client.sendCommand(command)),
    sendAll: ({ shard }, commands) => of(shard).send((client) => repliesOf(commands.map((command) => client.sendCommand([...command])))),
    nodeOf: ({ shard }) => of(shard).node,
    lookAgain: ({ shard }) => of(shard).forget(),
    close() {
      end();
      for (const master of masters) master.close();
    },
  };
}

/**
 * A client of what sentinels watch, one shard for each name. `createSentinel` of node-redis is not used: it asks for SENTINEL REPLICAS, which 4.0 does not know, and repeats commands by itself.
 *
 * @throws where one of them has no master now
 */
export async function openSentinelClient(
  { sentinels, sentinelPassword }: { readonly sentinels: readonly ServerAddress[]; readonly sentinelPassword: boolean },
  names: readonly string[],
  options: ApplicationOptions,
): Promise<ApplicationClient> {
  const asking = { ...options, password: sentinelPassword ? options.password : undefined };
  const find = (name: string) => async () => {
    let last: unknown = new NoMasterNow("there is no sentinel");
    for (const sentinel of sentinels) {
      try {
        return [await askSentinel(sentinel, name, asking)];
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
  const masters = names.map((name) => new FollowedMaster(find(name), options));
  await Promise.all(masters.map((master) => master.open()));
  const stop = listen(sentinels, asking, (name) => masters[names.indexOf(name)]?.forget());
  return following(masters, stop);
}

/**
 * A client of masters that nothing replaces by itself: it looks for the role among the servers of each shard, as an application does that was given all of their addresses.
 *
 * @param shards the servers of each, the likeliest master first
 * @throws where none of a shard answers as a master
 */
export async function openMasterClient(
  shards: readonly (readonly ServerAddress[])[],
  options: ApplicationOptions,
): Promise<ApplicationClient> {
  const masters = shards.map((servers) => new FollowedMaster(async () => servers, options));
  await Promise.all(masters.map((master) => master.open()));
  return following(masters, () => {});
}

/** Hears of new masters from one sentinel, and from the next one where it does not answer. @returns what ends it */
function listen(sentinels: readonly ServerAddress[], options: ApplicationOptions, switched: (name: string) => void): () => void {
  let closed = false;
  let current: Client | undefined;
  const subscribe = async (turn: number): Promise<void> => {
    if (closed) return;
    const sentinel = sentinels[turn % sentinels.length];
    if (sentinel === undefined) return;
    const again = () => void setTimeout(() => void subscribe(turn + 1), RECONNECT_MS).unref();
    try {
      const client = await connectedSentinel(sentinel, options);
      if (closed) return discard(client);
      current = client;
      client.once("end", again);
      client.once("error", () => discard(client));
      await client.subscribe("+switch-master", (message) => switched(message.split(" ")[0] ?? ""));
    } catch {
      again();
    }
  };
  void subscribe(0);
  return () => {
    closed = true;
    if (current !== undefined) discard(current);
  };
}
