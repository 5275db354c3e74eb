import { type AbsentMember, absentMembers } from "../../cluster/findings/absent.ts";
import { differences } from "../../cluster/findings/differences.ts";
import { judgeCluster } from "../../cluster/findings/judge.ts";
import { awaitReadyCluster } from "../../cluster/findings/ready-cluster.ts";
import { type ShardMap, shardMap } from "../../cluster/findings/shard-map.ts";
import { type ClusterView, observeClusterView } from "../../cluster/model/view.ts";
import { reasonUnreachable } from "../../redis/reply-error.ts";
import type { Argument, TypedReply } from "../../redis/types.ts";
import { type ClusterOptions, type ClusterSession, lookAtCluster } from "./session.ts";

/** Who owns which slots, and who follows whom. */
export interface TopologyReport extends ShardMap {
  readonly lab: string;
  readonly target: string;
  /** Members that give no answer: declared, or known to the others. */
  readonly absent: readonly AbsentMember[];
}

export async function readShards(options: ClusterOptions): Promise<TopologyReport> {
  return lookAtCluster(options, async ({ session, known }) => {
    const view = await observeClusterView(known, session.access);
    return { lab: session.lab.name, target: session.target, ...shardMap(view), absent: absentMembers(view.topology) };
  });
}

export interface DifferenceReport {
  readonly lab: string;
  readonly target: string;
  readonly differences: ReturnType<typeof differences>;
}

/** Where the running cluster is not what the lab declares; a failover makes some, and is not a fault. */
export async function diffCluster(options: ClusterOptions): Promise<DifferenceReport> {
  return lookAtCluster(options, async ({ session, known }) => ({
    lab: session.lab.name,
    target: session.target,
    differences: differences(await observeClusterView(known, session.access)),
  }));
}

/** When all nodes agreed. */
export interface WaitReport {
  /** How long that took. */
  readonly seconds: number;
  /** How many they are. */
  readonly nodes: number;
}

/** Waits until nothing is wrong: every declared instance answers and has its place, every slot has an owner, none is open, and all nodes agree. @returns how long it took, in seconds */
export async function waitForCluster(options: ClusterOptions & { readonly timeoutMs: number }): Promise<WaitReport> {
  return lookAtCluster(options, (cluster) => waitInCluster(cluster, options.timeoutMs));
}

/** The same in a session. @throws LabError `cluster.not-ready`, `cluster.nothing-answers` */
export async function waitInCluster({ session, known, declaration }: ClusterSession, timeoutMs: number): Promise<WaitReport> {
  const begin = performance.now();
  const view: ClusterView = await awaitReadyCluster(known, session.access, {
    timeoutMs,
    signal: session.signal,
    patient: true,
    judge: (seen) => judgeCluster(seen, declaration).filter(({ severity }) => severity !== "note"),
  });
  return { seconds: (performance.now() - begin) / 1000, nodes: view.cluster.live.length };
}

/** What one node answered. */
export interface CallReply {
  readonly instance: string;
  readonly reply: TypedReply;
}

/** Sends one command to every node, declared or known to another one. An error of one node is its answer, and so is that it gives none; the others are asked all the same. */
export async function callEverywhere(options: ClusterOptions & CallRequest): Promise<readonly CallReply[]> {
  return lookAtCluster(options, (cluster) => callInCluster(cluster, options));
}

export interface CallRequest {
  readonly command: readonly Argument[];
  /** @default every node */
  readonly only?: "masters" | "replicas" | undefined;
}

/** The same in a session. */
export async function callInCluster({ session, known }: ClusterSession, { command, only }: CallRequest): Promise<readonly CallReply[]> {
  const { topology } = await observeClusterView(known, session.access);
  const absent = new Map(absentMembers(topology).map((each) => [each.instance, each]));
  const wanted = (role: string) => only === undefined || role === (only === "masters" ? "master" : "replica");
  const asked = topology.members.flatMap(({ id }) => {
    const role = topology.live.get(id)?.self.role ?? absent.get(id)?.role ?? "unknown";
    return wanted(role) ? [{ id, absence: absent.get(id) }] : [];
  });
  return Promise.all(
    asked.map(async ({ id, absence }): Promise<CallReply> => {
      if (absence !== undefined) return { instance: id, reply: { type: "error", value: `no answer: ${absence.why}` } };
      try {
        return { instance: id, reply: await (await session.access.client(id)).callTyped(command) };
      } catch (error) {
        return { instance: id, reply: { type: "error", value: reasonUnreachable(error) } };
      }
    }),
  );
}
