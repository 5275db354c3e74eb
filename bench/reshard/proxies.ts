import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

// A thread with a proxy before each server, which keeps back for a while what clients send. The servers announce the proxies' ports, so all that is sent to them goes this way.

/** What a thread is given. */
export interface Proxied {
  readonly addresses: readonly string[];
  readonly listen: number;
  readonly port: number;
  /** Added to a round trip, in milliseconds. */
  readonly delayMs: number;
}

/** Timers of one length end in the order in which they began, so the order is kept. Nodes among themselves are not kept waiting: MIGRATE sends RESTORE-ASKING at once. */
function delayed(from: Socket, to: Socket, delayMs: number): void {
  let ofClient: boolean | undefined;
  from.on("data", (chunk: Buffer) => {
    ofClient ??= !chunk.includes("RESTORE-ASKING");
    if (ofClient) setTimeout(() => to.write(chunk), delayMs);
    else to.write(chunk);
  });
}

const port = parentPort;
if (port !== null) {
  const { addresses, listen, port: behind, delayMs } = workerData as Proxied;
  let open = addresses.length;
  for (const address of addresses)
    createServer((client) => {
      const server = connect({ host: address, port: behind });
      for (const socket of [client, server]) socket.setNoDelay(true);
      delayed(client, server, delayMs);
      server.pipe(client);
      client.on("close", () => server.destroy());
      server.on("close", () => client.destroy());
      for (const socket of [client, server]) socket.on("error", () => socket.destroy());
    }).listen(listen, address, () => {
      open -= 1;
      if (open === 0) port.postMessage("ready");
    });
}
