import { createCluster } from "@redis/client";
import {
  type ApplicationClient,
  type ApplicationOptions,
  clientOptions,
  discard,
  RECONNECT_MS,
  repliesOf,
  type ServerAddress,
} from "./application-client.ts";

/** For how long a node is away before the others are asked who has its slots, in milliseconds. The default of node-redis is five seconds. */
const REFRESH_MS = 250;

function makeCluster(nodes: readonly ServerAddress[], options: ApplicationOptions) {
  const cluster = createCluster({
    rootNodes: nodes.map(({ address, port }) => ({ socket: { host: address, port } })),
    RESP: 2,
    defaults: {
      ...clientOptions(options),
      socket: { connectTimeout: options.timeoutMs, reconnectStrategy: () => RECONNECT_MS },
    },
    // A node that hangs would hold up those that answer.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: REFRESH_MS,
    commandOptions: { timeout: 0 },
  });
  // Each command has an outcome of its own; what happens to connections beside it is no matter.
  cluster.on("error", () => {});
  return cluster;
}

/** A client of a cluster, which follows MOVED and ASK. @throws what node-redis throws where no node answers */
export async function openClusterClient(nodes: readonly ServerAddress[], options: ApplicationOptions): Promise<ApplicationClient> {
  let cluster = makeCluster(nodes, options);
  await cluster.connect();
  let looking = false;
  let closed = false;

  /** The old client stays until the new one knows the cluster: other shards are served by it, and what is under way there comes to its end. */
  const replace = async () => {
    const next = makeCluster(nodes, options);
    let tooLate = false;
    const late = setTimeout(() => {
      tooLate = true;
      discard(next);
    }, options.timeoutMs);
    try {
      await next.connect();
      // A client that was closed while it connected may say that it is connected all the same.
      if (closed || tooLate || !next.isOpen) return discard(next);
      const old = cluster;
      cluster = next;
      setTimeout(() => discard(old), options.timeoutMs).unref();
    } catch {
      discard(next);
    } finally {
      clearTimeout(late);
      looking = false;
    }
  };
  const lookAgain = () => {
    if (looking || closed) return;
    looking = true;
    void replace();
  };
  return {
    send({ key }, command) {
      // One that gave up for good is replaced; this command fails still.
      if (!cluster.isOpen) lookAgain();
      return cluster.sendCommand(key, false, command);
    },
    async sendAll({ key, slot }, commands) {
      if (!cluster.isOpen) lookAgain();
      const master = cluster.slots[slot]?.master;
      const [first = []] = commands;
      if (master === undefined) return [await cluster.sendCommand(key, false, [...first])];
      const node = await cluster.nodeClient(master);
      return repliesOf(commands.map((command) => node.sendCommand([...command]))).catch((error: unknown) => {
        // Only by what it routes itself does it learn who has the slot now.
        if (error instanceof Error && error.message.startsWith("MOVED"))
          void cluster.sendCommand(key, false, ["EXISTS", key]).catch(() => {});
        throw error;
      });
    },
    nodeOf: ({ slot }) => cluster.slots[slot]?.master.address,
    lookAgain,
    close() {
      closed = true;
      discard(cluster);
    },
  };
}
