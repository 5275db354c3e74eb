import { placedInstances, takesPassword } from "../lab/placement.ts";
import { wordsOf } from "../redis/words.ts";
import type { Session } from "./session.ts";
import { readStatus } from "./status.ts";

/** Variables by which clients find a lab. Those in `secret` hold its password. */
export interface ClientEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  readonly secret: readonly string[];
}

/**
 * What the programs of others read: `REDISCLI_AUTH` of redis-cli and redis-trib, `REDIS_URL` of most libraries, and lists for clients that want several addresses.
 * The URL names the master of now, or the declared one where none answers.
 */
export async function clientEnvironment(session: Session): Promise<ClientEnvironment> {
  const { placement, secrets } = session;
  const instances = placedInstances(placement);
  const servers = instances.filter(({ kind }) => kind === "redis");
  const sentinels = instances.filter(({ kind }) => kind === "sentinel");
  const { rows } = await readStatus(session);
  const masterNow = rows.find(({ role, state }) => role === "master" && state === "up")?.instance;
  const master =
    servers.find(({ id }) => id === masterNow) ?? servers.find(({ role }) => /^(cluster-)?master$/.test(role.kind)) ?? servers[0];
  const list = (of: typeof instances) => of.map(({ address, port }) => `${address}:${port}`).join(",");
  // Those that wait outside of the layout know no key.
  const members = servers.filter(({ role }) => role.kind !== "standby");
  const watched = instances.flatMap(({ role }) => (role.kind === "master" && role.monitor !== undefined ? [role.monitor] : []));
  const sentinelPassword = sentinels.length > 0 && takesPassword(placement, "sentinel");
  // From 6.0 on redis-cli takes an empty name for that of a user; before, a server takes no name at all.
  const user = wordsOf(placement.version).rewritesDefaultUser ? "default" : "";
  return {
    variables: {
      REDISCLI_AUTH: secrets.password,
      ...(master !== undefined && {
        REDIS_HOST: master.address,
        REDIS_PORT: String(master.port),
        REDIS_URL: `redis://${user}:${encodeURIComponent(secrets.password)}@${master.address}:${master.port}`,
      }),
      REDIS_NODES: list(members),
      ...(sentinels.length > 0 && {
        REDIS_SENTINELS: list(sentinels),
        REDIS_SENTINEL_MASTER: watched[0] ?? "",
        ...(sentinelPassword && { REDIS_SENTINEL_PASSWORD: secrets.password }),
      }),
    },
    secret: ["REDISCLI_AUTH", "REDIS_URL", ...(sentinelPassword ? ["REDIS_SENTINEL_PASSWORD"] : [])],
  };
}
