import { openMoves, quarantineIn } from "../../cluster/journal.ts";
import type { Quarantine } from "../../cluster/move/types.ts";
import type { ClusterMember } from "../../cluster/types.ts";
import { withLabLock } from "../inside-terraform.ts";
import { clusterMembers } from "../members.ts";
import { type Session, type SessionOptions, withSession } from "../session.ts";
import { moveLeftOpen, notACluster } from "./errors.ts";

export interface ClusterOptions extends SessionOptions {
  readonly now: () => Date;
}

/** A cluster lab, reached: what the cluster verbs work in. */
export interface ClusterSession {
  readonly session: Session;
  /** Declared instances; the rest of the cluster is found from them. */
  readonly known: readonly ClusterMember[];
  readonly now: () => Date;
  /** Where values go of which there are two; `file` is made with the first. */
  readonly quarantine: Quarantine & { readonly file: string };
}

/** Looks at a cluster lab. @throws LabError `operations.not-a-cluster` */
export function withCluster<T>(options: ClusterOptions, work: (cluster: ClusterSession) => Promise<T>): Promise<T> {
  if (options.lab.layout.kind !== "cluster") throw notACluster(options.lab.name);
  return withSession(options, (session) =>
    work({
      session,
      known: clusterMembers(session.placement),
      now: options.now,
      quarantine: quarantineIn(session.paths.quarantineFolder, options.now()),
    }),
  );
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
      const [open] = openMoveIsFine ? [] : await openMoves(cluster.session.paths.journalFolder);
      if (open !== undefined) throw moveLeftOpen(options.lab.name, open);
      return work(cluster);
    }),
  );
}
