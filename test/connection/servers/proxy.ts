import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { nextAddress } from "../../support/redis.ts";

/** A stretch of network that can break: everything goes through until it is cut or frozen. */
export interface TestProxy {
  readonly address: string;
  readonly port: number;
  /** Number of connections that were made through it. */
  connections(): number;
  /** Breaks all connections of the moment, as a cable would. */
  cut(): void;
  /** Breaks the connections as soon as this many bytes went to the server. */
  cutAfter(bytes: number): void;
  /** Passes nothing on any more and answers nothing, the end of a connection included, as a host without power. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startProxy(target: { readonly address: string; readonly port: number }): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  let allowed = Number.POSITIVE_INFINITY;
  let frozen = false;
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
    sockets.clear();
    allowed = Number.POSITIVE_INFINITY;
  };
  const server = createServer((client) => {
    count += 1;
    const upstream = connect({ host: target.address, port: target.port });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on("data", (chunk) => {
        if (frozen) return;
        if (socket === client) allowed -= chunk.length;
        if (allowed < 0) return cut();
        if (!other.write(chunk)) {
          socket.pause();
          other.once("drain", () => socket.resume());
        }
      });
      socket.on("end", () => other.end());
    }
  });
  const address = nextAddress();
  server.listen(2200, address);
  await once(server, "listening");
  return {
    address,
    port: 2200,
    connections: () => count,
    cut,
    cutAfter(bytes) {
      allowed = bytes;
    },
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
