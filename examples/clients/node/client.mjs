// A client for `redis-lab load LAB --client 'node client.mjs'`, on node-redis (npm install @redis/client): all operations at once, as they come.
import { createInterface } from "node:readline";
import { createClient, createCluster, createSentinel, ErrorReply } from "@redis/client";

const { REDISCLI_AUTH: password, REDIS_LAB_LAYOUT: layout, REDIS_NODES: nodes = "", REDIS_SENTINELS: sentinels = "" } = process.env;
const endpoints = (list) =>
  list.split(",").map((each) => ({ host: each.slice(0, each.lastIndexOf(":")), port: Number(each.slice(each.lastIndexOf(":") + 1)) }));

/** RESP 2, which servers before 6.0 speak too. A command for a server that is away is refused at once, so that it is known not to have been sent. */
const options = { password, RESP: 2, disableOfflineQueue: true };

function makeClient() {
  switch (layout) {
    case "cluster":
      return createCluster({ rootNodes: endpoints(nodes).map((socket) => ({ socket })), RESP: 2, defaults: options });
    case "sentinel":
      // From Redis 5.0 on: it asks for SENTINEL REPLICAS.
      return createSentinel({
        name: process.env.REDIS_SENTINEL_MASTER,
        sentinelRootNodes: endpoints(sentinels),
        RESP: 2,
        nodeClientOptions: options,
        sentinelClientOptions: { password: process.env.REDIS_SENTINEL_PASSWORD },
        maxCommandRediscovers: 0,
      });
    default:
      return createClient({ ...options, url: process.env.REDIS_URL });
  }
}

const client = makeClient();
client.on("error", () => {}); // each command says itself how it ended
await client.connect();
process.stdout.write('{"k":"ready"}\n');

const NEVER_SENT = new Set(["ClientOfflineError", "ClientClosedError", "RootNodesUnavailableError", "ConnectionTimeoutError"]);

async function outcome({ o, op, key, value, ttl }) {
  try {
    if (op === "set") {
      await client.set(key, value, ttl === undefined ? {} : { EX: ttl });
      return { o, k: "ok" };
    }
    return { o, k: "ok", v: op === "get" ? await client.get(key) : await client.incr(key) };
  } catch (error) {
    const refused = error instanceof ErrorReply || NEVER_SENT.has(error.constructor.name) || error.syscall === "connect";
    return { o, k: refused ? "fail" : "unknown", error: `${error.message || error.constructor.name}` };
  }
}

const pending = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const done = outcome(JSON.parse(line)).then((answer) => {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    pending.delete(done);
  });
  pending.add(done);
}
await Promise.all(pending);
process.exit(0);
