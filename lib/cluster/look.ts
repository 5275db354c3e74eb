import type { InstanceAccess } from "../redis/types.ts";
import { waitFor } from "../wait.ts";
import type { Holding } from "./apportion.ts";
import { discover } from "./discover.ts";
import { notReady } from "./errors.ts";
import { mastersOf } from "./fix.ts";
import { health } from "./health.ts";
import { eachSlot } from "./slots.ts";
import { type Component, clusterOf, ownSlots, readTopology, type Topology } from "./topology.ts";
import type { ClusterFinding, ClusterMember } from "./types.ts";

/** A cluster as it stands, whoever declared it: what every verb plans from. */
export interface ClusterLook {
  /** Declared and discovered. */
  readonly members: readonly ClusterMember[];
  readonly topology: Topology;
  readonly cluster: Component;
}

export async function lookAtCluster(known: readonly ClusterMember[], access: InstanceAccess): Promise<ClusterLook> {
  const { members, observation } = await discover(known, access);
  const topology = readTopology(observation, members);
  return { members, topology, cluster: clusterOf(topology) };
}

/** Findings with which no slot is moved and no node added: the result would not be what was planned. */
const IN_THE_WAY: ReadonlySet<ClusterFinding["code"]> = new Set(["uncovered-slots", "open-slot", "views-disagree", "state-fail"]);

/** What keeps a cluster from being changed. Pure. */
export function obstacles({ topology, cluster }: ClusterLook): readonly ClusterFinding[] {
  return health(topology, cluster).filter(({ code }) => IN_THE_WAY.has(code));
}

export interface ReadyOptions {
  /** @default 15000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Waits for open slots and missing owners too. @default false */
  readonly patient?: boolean;
}

/** Longest wait for a cluster that has just been changed to agree, in milliseconds. */
const SETTLING_MS = 15_000;

/**
 * The same once nothing is in the way: nodes that have just heard of a change agree within seconds.
 *
 * @throws LabError `cluster.not-ready`
 */
export async function lookWhenReady(
  known: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = SETTLING_MS, signal, patient = false }: ReadyOptions = {},
): Promise<ClusterLook> {
  let last: ClusterLook | undefined;
  try {
    return await waitFor(
      async () => {
        last = await lookAtCluster(known, access);
        const found = obstacles(last);
        // Only a view passes by itself, unless somebody else mends the rest.
        if (!patient && found.some(({ code }) => code === "open-slot" || code === "uncovered-slots")) throw notReady(found);
        return found.length === 0 ? { done: true, value: last } : { done: false, missing: found.map(({ text }) => text).join(" ") };
      },
      { what: "the cluster to agree", timeoutMs, ...(signal && { signal }) },
    );
  } catch (error) {
    const found = last === undefined ? [] : obstacles(last);
    throw found.length > 0 ? notReady(found) : error;
  }
}

/** The masters of a cluster with what they own. */
export function holdings(cluster: Component): readonly Holding[] {
  return mastersOf(cluster).map((node) => ({ id: node.id, slots: [...eachSlot(ownSlots(node))] }));
}
