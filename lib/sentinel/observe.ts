import { readServerInfo } from "../redis/commands.ts";
import { reasonUnreachable } from "../redis/reply-error.ts";
import { type SentinelMaster, sentinelCheckQuorum, sentinelMasters, sentinelPeers, sentinelReplicas } from "../redis/sentinel-commands.ts";
import { addressOf, observed, observeServer, orOnReplyError } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess, RedisClient } from "../redis/types.ts";
import type { SeenReplica, SentinelLayoutObservation, SentinelObservation, SentinelView, SentinelWanted } from "./types.ts";
import { allServers } from "./wanted.ts";

/** Asks every server and every sentinel at once. An instance that does not answer is part of what was seen; this never rejects for one. */
export async function observeSentinel(wanted: SentinelWanted, access: InstanceAccess): Promise<SentinelLayoutObservation> {
  const [servers, sentinels] = await Promise.all([
    Promise.all(allServers(wanted).map((server) => observed(server, async () => observeServer(server, await access.client(server.id))))),
    Promise.all(
      wanted.sentinels.map((sentinel) => observed(sentinel, async () => observeOneSentinel(sentinel, await access.client(sentinel.id)))),
    ),
  ]);
  return {
    servers: new Map(servers.map((server) => [server.id, server])),
    sentinels: new Map((await identify(sentinels, wanted, access)).map((sentinel) => [sentinel.id, sentinel])),
  };
}

async function observeOneSentinel(
  sentinel: EngineInstance,
  client: RedisClient,
): Promise<Extract<SentinelObservation, { reachable: true }>> {
  const [info, masters, myId] = await Promise.all([
    readServerInfo(client),
    sentinelMasters(client),
    orOnReplyError(client.call(["SENTINEL", "MYID"]), ""),
  ]);
  const views = await Promise.all(masters.map((master) => viewOf(client, master)));
  return { id: sentinel.id, reachable: true, version: info.version, myId: String(myId), masters: views };
}

async function viewOf(client: RedisClient, master: SentinelMaster): Promise<SentinelView> {
  const [replicas, peers, quorum] = await Promise.all([
    sentinelReplicas(client, master.name),
    sentinelPeers(client, master.name),
    sentinelCheckQuorum(client, master.name),
  ]);
  return {
    name: master.name,
    address: master.address,
    port: master.port,
    flags: master.flags,
    quorum: master.quorum,
    downAfterMs: master.downAfterMs,
    parallelSyncs: master.parallelSyncs,
    failoverTimeoutMs: master.failoverTimeoutMs,
    configEpoch: master.configEpoch,
    replicas: replicas.map(
      ({ address, port, flags, masterLink, masterAddress, masterPort }): SeenReplica => ({
        address,
        port,
        flags,
        link: masterLink,
        follows: masterAddress === "" || masterAddress === "?" ? undefined : `${masterAddress}:${masterPort}`,
      }),
    ),
    otherSentinels: peers.map(({ address, port, runId, flags }) => ({ address, port, runId, flags })),
    quorumOk: quorum.ok,
    quorumText: quorum.text,
  };
}

/**
 * Gives the sentinels that can't tell their own id (SENTINEL MYID came with 6.2; the run id of INFO is another one) the eight first digits of it in the name of their
 * connections to a server, `sentinel-XXXXXXXX-cmd` (sentinelSetClientName in sentinel.c of 4.0.14), and failing that the id under which the others know their address,
 * which may be that of a sentinel that was there before.
 */
async function identify(
  sentinels: readonly SentinelObservation[],
  wanted: SentinelWanted,
  access: InstanceAccess,
): Promise<readonly SentinelObservation[]> {
  if (!sentinels.some((one) => one.reachable && one.myId === "")) return sentinels;
  const known = new Map<string, string>();
  for (const sentinel of sentinels) {
    const others = sentinel.reachable ? sentinel.masters.flatMap(({ otherSentinels }) => otherSentinels) : [];
    for (const other of others) if (other.port !== 0) known.set(addressOf(other), other.runId);
  }
  const byConnection = await connectionNames(wanted, access);
  return sentinels.map((one) => {
    const at = wanted.sentinels.find(({ id }) => id === one.id);
    if (!one.reachable || one.myId !== "" || at === undefined) return one;
    const full = known.get(addressOf(at)) ?? "";
    const digits = byConnection.get(at.address) ?? "";
    return { ...one, myId: full.startsWith(digits) ? full : digits };
  });
}

/** Address of a sentinel's host → eight digits, where one sentinel alone connects from there. */
async function connectionNames(wanted: SentinelWanted, access: InstanceAccess): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, Set<string>>();
  for (const { master } of wanted.masters) {
    // A sentinel that gives the master another role ends the connections to it.
    const list = await access
      .client(master.id)
      .then((client) => client.call(["CLIENT", "LIST"]))
      .catch((error: unknown) => {
        reasonUnreachable(error);
        return "";
      });
    for (const line of String(list).split("\n")) {
      const [, address, digits] = /\baddr=([^ :]+):\d+ .*\bname=sentinel-([0-9a-f]{8})-cmd\b/.exec(line) ?? [];
      if (address !== undefined && digits !== undefined) names.set(address, (names.get(address) ?? new Set()).add(digits));
    }
  }
  return new Map([...names].flatMap(([address, ids]) => (ids.size === 1 ? [[address, [...ids][0] ?? ""] as const] : [])));
}
