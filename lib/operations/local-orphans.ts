import { allSettledLimited } from "../base/limit.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { statePaths } from "../project/state.ts";
import { orphansElsewhere, orphansLeft } from "./errors.ts";
import { isAlive, type LocalServer, localServers, signalServer } from "./local-servers.ts";
import { endNetworksLeft } from "./network.ts";
import { HOST_CONCURRENCY, type SessionOptions, withSession } from "./session.ts";
import { withLabLock } from "./vms/inside-terraform.ts";

/** What `down --orphans` did. */
export interface OrphansReport {
  readonly lab: string;
  readonly target: string;
  /** Processes that ended; `saved` is false for those that had to be killed, as their folder was gone and nothing could be saved. */
  readonly ended: readonly (Pick<LocalServer, "pid" | "host" | "title"> & { readonly saved: boolean })[];
}

type Options = SessionOptions & { readonly now: () => Date };

/**
 * Servers of a local lab that redis-lab has lost sight of, as the files that named them were deleted. They are known by their program: it was started from the
 * lab's folder of this very project.
 *
 * @throws LabError `operations.orphans-elsewhere` for a target other than this computer
 */
export async function findLocalOrphans(options: SessionOptions): Promise<readonly LocalServer[]> {
  const { project, lab, target } = options;
  const servers = (await localServers()).filter(
    (server) => server.root === project.root && server.lab === lab.name && server.target === target,
  );
  return withSession(options, async ({ placement, connections, network }) => {
    if (placement.capabilities.connection !== "local") throw orphansElsewhere(lab.name, target);
    const facts = await allSettledLimited(placement.hosts, HOST_CONCURRENCY, async (host) => {
      const connection = connections.get(host.name);
      return connection === undefined ? [] : [...(await observeHost(connection, placement, host)).instances.values()];
    });
    const known = new Map(
      facts.flatMap((each) => (each.status === "fulfilled" ? each.value : [])).map((fact) => [fact.process?.pid, fact.provenBy]),
    );
    // One that its port alone tells of and whose program is gone can't save any more: `down` would wait for that in vain.
    // In another network than the one that the lab has now, the same number is another process.
    const mounts = await network?.mounts();
    return servers.filter(
      (server) =>
        (network !== undefined && server.mounts !== mounts) ||
        !known.has(server.innerPid) ||
        (server.deleted && known.get(server.innerPid) === "listener"),
    );
  });
}

/** From SIGTERM to giving up, in milliseconds: the last save of a large data set takes its time. */
const SAVE_TIMEOUT_MS = 600_000;
/** The same where the folder is gone: such a save fails at once, and the server stays (prepareForShutdown in server.c of 4.0.14). */
const FAILED_SAVE_MS = 3_000;

/** Ends them, each by SIGTERM, which saves; one whose folder was deleted can't save, refuses to end and is killed then. @throws LabError `operations.orphans-left` */
export async function endLocalOrphans(options: Options, orphans: readonly LocalServer[]): Promise<OrphansReport> {
  const { lab, target, signal, emit } = options;
  return withLabLock(options, `down ${lab.name} --orphans`, async () => {
    const results = await allSettledLimited(orphans, HOST_CONCURRENCY, async (server) => {
      const step = { type: "step", host: server.host, step: "stop", detail: `process ${server.pid}` } as const;
      emit({ ...step, state: "started" });
      signalServer(server, "SIGTERM");
      const saved = await endsWithin(server, server.deleted ? FAILED_SAVE_MS : SAVE_TIMEOUT_MS, signal);
      if (!saved && server.deleted) {
        signalServer(server, "SIGKILL");
        await endsWithin(server, FAILED_SAVE_MS, signal);
      }
      emit({ ...step, state: "changed" });
      return { pid: server.pid, host: server.host, title: server.title, saved };
    });
    signal?.throwIfAborted();
    const left = orphans.filter((server) => isAlive(server));
    if (left.length > 0)
      throw orphansLeft(
        lab.name,
        left.map(({ pid }) => pid),
      );
    await endNetworksLeft({ lab, target, paths: statePaths(options.project, lab.name, target), signal });
    return { lab: lab.name, target, ended: results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])) };
  });
}

async function endsWithin(server: LocalServer, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  return waitFor(
    async (): Promise<Attempt<boolean>> => {
      if (!isAlive(server)) return { done: true, value: true };
      return performance.now() >= deadline ? { done: true, value: false } : { done: false, missing: `the end of process ${server.pid}` };
    },
    { what: `process ${server.pid} to end`, timeoutMs: timeoutMs + 10_000, intervalMs: 50, signal },
  );
}
