import { connectRedis } from "../../redis/client.ts";
import { parseInfo } from "../../redis/info.ts";
import { reasonUnreachable } from "../../redis/reply-error.ts";
import type { RedisClient } from "../../redis/types.ts";
import { importKeys } from "../../transfer/import.ts";
import type { ImportedKey } from "../../transfer/types.ts";
import { dialWith, NODE_TIMEOUT_MS } from "../access.ts";
import { parseAddress, resolveHost } from "../addresses.ts";
import { clusterFindings } from "../check.ts";
import { sourceCredentials } from "../credentials.ts";
import { adviceFor } from "../errors.ts";
import { loadSettled } from "../load.ts";
import { nameOf, type TribSession } from "../session.ts";

/** What MIGRATE says of a key that both ends have. */
const BUSY = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";

/** `import --from host:port host:port`: the keys of database 0 of a server that is not a cluster. @returns 1 where a key did not come along */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, options, access, host } = session;
  const from = options.value("from") ?? "";
  // The cluster is missing here in redis-trib.rb too, which looks for it among the wrong arguments.
  screen.xputs(`>>> Importing data from ${from} to cluster `);
  const cluster = await loadSettled(session, words[0] ?? "");
  if ((await clusterFindings(session, cluster)) > 0) {
    screen.puts("*** Please fix your cluster problems before importing");
    return 1;
  }
  screen.xputs(">>> Connecting to the source Redis instance");
  const source = await connectSource(session, from);
  try {
    if (parseInfo(String(await source.call(["INFO"])))["cluster_enabled"] === "1")
      return screen.die("[ERR] The source node should not be a cluster node.");
    screen.xputs(`*** Importing ${await source.call(["DBSIZE"])} keys from DB 0`);
    let failed = 0;
    await importKeys(
      source,
      cluster.cluster.live.map(({ member }) => member),
      access,
      {
        mode: options.has("copy") ? "copy" : "move",
        conflict: options.has("replace") ? "replace" : "keep",
        signal: host.signal,
        emit: () => {},
        onKey: (imported) => {
          failed += Number(sayKey(session, imported));
        },
      },
    );
    return failed === 0 ? 0 : 1;
  } finally {
    source.close();
  }
}

async function connectSource(session: TribSession, text: string): Promise<RedisClient> {
  const { screen, options, host } = session;
  const typed = parseAddress(text);
  if (typed === undefined) return screen.die(`[ERR] Invalid --from host. You need to pass a valid address (ie. 120.0.0.1:7000).`);
  const { user, password } = await sourceCredentials(options, host);
  let client: RedisClient | undefined;
  try {
    const address = await resolveHost(typed.host);
    client = await connectRedis({ address, port: typed.port }, dialWith(password), {
      passwords: password === undefined ? [] : [password],
      user,
      timeoutMs: NODE_TIMEOUT_MS,
      signal: host.signal,
    });
    await client.call(["PING"]);
    return client;
  } catch (error) {
    client?.close();
    const why = reasonUnreachable(error);
    const needsPassword = /NOAUTH|refused the password/.test(why)
      ? " Give the password of the source: --from-password-file FILE, or --from-askpass."
      : "";
    host.warn(`redis-trib: ${text}: ${why}${needsPassword || (adviceFor("redis.unreachable") ?? "")}`);
    return screen.die(`[ERR] Sorry, can't connect to node ${typed.shown}`);
  }
}

/** @returns whether it did not come along */
function sayKey(session: TribSession, { key, target, outcome }: ImportedKey): boolean {
  const { screen } = session;
  screen.print(`Migrating ${key.toString()} to ${target === undefined ? "" : nameOf(session, target.id)}: `);
  switch (outcome.kind) {
    case "imported":
    case "same":
    case "gone":
      screen.puts("OK");
      return false;
    case "conflict":
      screen.puts(BUSY);
      return true;
    case "refused":
    case "changed":
      screen.puts(outcome.why);
      return true;
    default:
      return outcome satisfies never;
  }
}
