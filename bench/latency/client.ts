import { parentPort, workerData } from "node:worker_threads";
import { connectRedis } from "../../lib/redis/client.ts";
import { dial } from "../../test/cluster/support.ts";

// A thread that is a client: it reads one key after the other from some servers, and notes how long each read took.

/** What a thread is given. */
export interface Client {
  readonly servers: readonly { readonly address: string; readonly port: number; readonly key: string }[];
  readonly password: string;
}

const { servers, password } = workerData as Client;
let took: number[] = [];
parentPort?.on("message", () => {
  parentPort?.postMessage(took);
  took = [];
});
const clients = await Promise.all(servers.map((server) => connectRedis(server, dial, { passwords: [password] })));
for (;;)
  for (const [index, client] of clients.entries()) {
    const begin = performance.now();
    await client.call(["GET", servers[index]?.key ?? ""]);
    took.push(performance.now() - begin);
  }
