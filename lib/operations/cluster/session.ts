import { isLabError, LabError } from "../../base/error.ts";
import { openMoves, quarantineIn, removeUnbegun } from "../../cluster/apply/journal.ts";
import type { Declaration } from "../../cluster/findings/judge.ts";
import { clusterMembers } from "../../cluster/model/members.ts";
import type { ClusterMember } from "../../cluster/model/types.ts";
import type { Quarantine } from "../../cluster/move/types.ts";
import { layoutRow } from "../../lab/layouts.ts";
import { downSince } from "../down-since.ts";
import { type Session, type SessionOptions, withSession } from "../session.ts";
import { withLabLock } from "../vms/inside-terraform.ts";
import { moveLeftOpen, notACluster } from "./errors.ts";

export interface ClusterOptions extends SessionOptions {
  readonly now: () => Date;
}

/** A cluster lab, reached: what the cluster verbs work in. */
export interface ClusterSession {
  readonly session: Session;
  /** Declared instances; the rest of the cluster is found from them. */
  readonly known: readonly ClusterMember[];
  /** What the cluster is judged by. */
  readonly declaration: Declaration;
  readonly now: () => Date;
  /** Where values go of which there are two; `file` is made with the first. */
  readonly quarantine: Quarantine & { readonly file: string };
}

/** Looks at a cluster lab. @throws LabError `operations.not-a-cluster` */
export function withCluster<T>(options: ClusterOptions, work: (cluster: ClusterSession) => Promise<T>): Promise<T> {
  if (!layoutRow(options.lab.layout).hasSlots) throw notACluster(options.lab);
  return withSession(options, async (session) => {
    const known = clusterMembers(session.placement);
    try {
      return await work({
        session,
        known,
        declaration: { members: known, formerMembers: session.state.members },
        now: options.now,
        quarantine: quarantineIn(session.paths.quarantineFolder, options.now()),
      });
    } catch (error) {
      throw isLabError(error) && error.code === "cluster.nothing-answers"
        ? new LabError({ ...error, why: downSince(session.state) })
        : error;
    }
  });
}

/** The same for a verb that reads alone: what was given up after an interruption is no answer. @throws the reason of the signal */
export async function lookAtCluster<T>(options: ClusterOptions, work: (cluster: ClusterSession) => Promise<T>): Promise<T> {
  return withCluster(options, async (cluster) => {
    const found = await work(cluster);
    options.signal?.throwIfAborted();
    return found;
  });
}

/** The same for a verb that changes the cluster: it holds the lab's lock. A move that was left open comes first. @throws LabError `operations.move-left-open` */
export function withClusterLocked<T>(
  options: ClusterOptions,
  verb: string,
  work: (cluster: ClusterSession) => Promise<T>,
  { openMoveIsFine = false }: { readonly openMoveIsFine?: boolean } = {},
): Promise<T> {
  return withLabLock(options, `cluster ${verb} ${options.lab.name}`, () =>
    withCluster(options, async (cluster) => {
      await removeUnbegun(cluster.session.paths.journalFolder);
      const [open] = openMoveIsFine ? [] : await openMoves(cluster.session.paths.journalFolder);
      if (open !== undefined) throw moveLeftOpen(options.lab.name, open);
      return work(cluster);
    }),
  );
}
