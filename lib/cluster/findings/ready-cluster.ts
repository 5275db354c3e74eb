import { isLabError } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import { notReady } from "../model/errors.ts";
import type { ClusterFinding, ClusterMember } from "../model/types.ts";
import { type ClusterView, observeClusterView } from "../model/view.ts";
import { lostFinding, lostMasters } from "./lost-masters.ts";
import { runningFindings } from "./running.ts";

/** Findings with which no slot is moved and no node added: the result would not be what was planned. */
const IN_THE_WAY: ReadonlySet<ClusterFinding["code"]> = new Set(["uncovered-slots", "open-slot", "views-disagree", "state-fail"]);

/** What keeps a replica from taking over. Pure. */
export function runningObstacles({ topology, cluster }: ClusterView): readonly ClusterFinding[] {
  return runningFindings(topology, cluster).filter(({ code }) => IN_THE_WAY.has(code));
}

/** What keeps a cluster from being changed. Pure. */
export function obstacles({ topology, cluster, members }: ClusterView): readonly ClusterFinding[] {
  const running = runningObstacles({ topology, cluster, members });
  return running.some(({ code }) => code === "uncovered-slots") ? running : [...running, ...silentOwners({ topology, cluster })];
}

/** Slots of a master that gives no answer have an owner, and are still in no plan: those of the others would be counted as if they were all, and it would not hear of a move. */
function silentOwners({ topology, cluster }: Pick<ClusterView, "topology" | "cluster">): readonly ClusterFinding[] {
  return lostMasters(topology, cluster).map(lostFinding);
}

export interface ReadyOptions {
  /** @default 15000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Waits for open slots and missing owners too, and while nothing answers. @default false */
  readonly patient?: boolean;
  /** What is not to be there. @default `obstacles` */
  readonly judge?: (view: ClusterView) => readonly ClusterFinding[];
}

/** Longest wait for a cluster that has just been changed to agree, in milliseconds. */
const SETTLING_MS = 15_000;

/**
 * The same once nothing is in the way: nodes that have just heard of a change agree within seconds.
 *
 * @throws LabError `cluster.not-ready`, `cluster.nothing-answers`
 */
export async function awaitReadyCluster(
  known: readonly ClusterMember[],
  access: InstanceAccess,
  { timeoutMs = SETTLING_MS, signal, patient = false, judge = obstacles }: ReadyOptions = {},
): Promise<ClusterView> {
  let last: ClusterView | undefined;
  try {
    return await waitFor(
      async () => {
        last = undefined;
        last = await observeClusterView(known, access).catch((error: unknown) => {
          if (patient && isLabError(error) && error.code === "cluster.nothing-answers") return undefined;
          throw error;
        });
        if (last === undefined) return { done: false, missing: "an answer of any instance" };
        const found = judge(last);
        // Only a view passes by itself, unless another run fixes the rest.
        if (!patient && found.some(({ code }) => code === "open-slot" || code === "uncovered-slots")) throw notReady(found);
        return found.length === 0 ? { done: true, value: last } : { done: false, missing: found.map(({ text }) => text).join(" ") };
      },
      { what: "the cluster to agree", timeoutMs, signal },
    );
  } catch (error) {
    if (last === undefined && patient) await observeClusterView(known, access); // which says why nothing answers
    const found = last === undefined ? [] : judge(last);
    throw found.length > 0 ? notReady(found, patient ? "to wait" : "to change") : error;
  }
}
