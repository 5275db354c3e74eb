import { differences } from "../../cluster/differences.ts";
import { discover } from "../../cluster/discover.ts";
import { type ClusterLook, lookAtCluster, lookWhenReady } from "../../cluster/look.ts";
import { type ShardMap, shardMap } from "../../cluster/shard-map.ts";
import { readTopology } from "../../cluster/topology.ts";
import { messageOf } from "../../error.ts";
import type { Argument, TypedReply } from "../../redis/types.ts";
import { type ClusterOptions, withCluster } from "./session.ts";

/** Who owns which slots, and who follows whom. */
export interface TopologyReport extends ShardMap {
  readonly lab: string;
  readonly target: string;
}

export async function readShards(options: ClusterOptions): Promise<TopologyReport> {
  return withCluster(options, async ({ session, known }) => ({
    lab: session.lab.name,
    target: session.target,
    ...shardMap(await lookAtCluster(known, session.access)),
  }));
}

export interface DifferenceReport {
  readonly lab: string;
  readonly target: string;
  readonly differences: ReturnType<typeof differences>;
}

/** Where the running cluster is not what the lab declares; a failover makes some, and is no fault. */
export async function diffCluster(options: ClusterOptions): Promise<DifferenceReport> {
  return withCluster(options, async ({ session, known }) => ({
    lab: session.lab.name,
    target: session.target,
    differences: differences(await lookAtCluster(known, session.access)),
  }));
}

/** Waits until every slot has an owner, none is open, and all nodes agree. @returns how long it took, in seconds */
export async function waitForCluster(
  options: ClusterOptions & { readonly timeoutMs: number },
): Promise<{ readonly seconds: number; readonly nodes: number }> {
  const begin = performance.now();
  return withCluster(options, async ({ session, known }) => {
    const look: ClusterLook = await lookWhenReady(known, session.access, {
      timeoutMs: options.timeoutMs,
      signal: session.signal,
      patient: true,
    });
    return { seconds: (performance.now() - begin) / 1000, nodes: look.cluster.live.length };
  });
}

/** What one node answered. */
export interface CallReply {
  readonly instance: string;
  readonly reply: TypedReply;
}

/** Sends one command to every node of the cluster. An error of one node is its answer, and the others are asked all the same. */
export async function callEverywhere(
  options: ClusterOptions & { readonly command: readonly Argument[]; readonly only?: "masters" | "replicas" | undefined },
): Promise<readonly CallReply[]> {
  return withCluster(options, async ({ session, known }) => {
    const { members, observation } = await discover(known, session.access);
    const { live } = readTopology(observation, members);
    const wanted = [...live.values()].filter(
      ({ self }) => options.only === undefined || (self.role === "master") === (options.only === "masters"),
    );
    return Promise.all(
      wanted.map(async ({ id }): Promise<CallReply> => {
        try {
          return { instance: id, reply: await (await session.access.client(id)).callTyped(options.command) };
        } catch (error) {
          return { instance: id, reply: { type: "error", value: messageOf(error).split("\n")[0] ?? "" } };
        }
      }),
    );
  });
}
