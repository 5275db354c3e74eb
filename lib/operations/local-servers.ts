import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { statOf } from "../base/process-identity.ts";
import { TARGET_NAMES, TARGETS, type TargetName } from "../lab/targets.ts";
import { findHolders } from "../netns/find-holders.ts";

/** A server of a lab on this computer, found by what it executes: the program of a build below the `.redis-lab` of a project. */
export interface LocalServer {
  readonly pid: number;
  /** Start time in clock ticks since boot: with the pid, this very process. */
  readonly start: string;
  /** Folder of the project; it may be gone. */
  readonly root: string;
  readonly lab: string;
  readonly target: TargetName;
  readonly host: string;
  /** Its pid as a connection to its host counts it; another one where the lab has a pid namespace. */
  readonly innerPid: number;
  /** Its mount namespace. */
  readonly mounts: string;
  /** What it calls itself, for example `redis-server 127.0.1.18:6379 [cluster]`. */
  readonly title: string;
  /** Its program was deleted under it: with the folder of the lab, or by a new build. */
  readonly deleted: boolean;
}

/** A build is below the host's folder, in a folder named by the first digits of its key (`bootstrap/host-paths.ts`). */
const PROGRAM =
  /^(?<root>\/.*)\/\.redis-lab\/(?<lab>[a-z][a-z0-9-]*)\/(?<target>[a-z]+)\/hosts\/(?<host>[a-z][a-z0-9-]*)\/(?:.*\/)?builds\/[0-9a-f]{16}\/[^/]+?(?<deleted> \(deleted\))?$/;
/** Targets whose hosts are folders of this computer. */
const HERE = TARGET_NAMES.filter((target) => {
  const capabilities = TARGETS[target];
  return capabilities.connection === "local";
});

/** The program of a path in /proc/PID/exe as a server of a local lab; undefined for all others. */
export function labProgram(exe: string): Pick<LocalServer, "root" | "lab" | "target" | "host" | "deleted"> | undefined {
  const { root, lab, host, deleted, ...found } = PROGRAM.exec(exe)?.groups ?? {};
  const target = HERE.find((each) => each === found["target"]);
  if (root === undefined || lab === undefined || host === undefined || target === undefined) return undefined;
  return { root, lab, target, host, deleted: deleted !== undefined };
}

/** The servers of all local labs of this user (of every user, for root), whatever project started them. Their children that save are not counted. */
export async function localServers(): Promise<readonly LocalServer[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = (await mountsOf("self")) ?? "";
  const seen = (await Promise.all(pids.map((pid) => serverOf(Number(pid))))).flat();
  // In a container a path means another file.
  const known = new Set([own, ...(seen.every(({ mounts }) => mounts === own) ? [] : (await findHolders()).map(({ mounts }) => mounts))]);
  const found = seen.filter(({ mounts }) => known.has(mounts));
  const ours = new Set(found.map(({ pid }) => pid));
  return found
    .filter(({ parent }) => !ours.has(parent))
    .map(({ parent: _, ...server }) => server)
    .sort((a, b) => a.root.localeCompare(b.root) || a.lab.localeCompare(b.lab) || a.host.localeCompare(b.host) || a.pid - b.pid);
}

async function serverOf(pid: number): Promise<readonly (LocalServer & { readonly parent: number })[]> {
  // Of other users' processes, and of those that end meanwhile, nothing can be read.
  const program = labProgram(await readlink(`/proc/${pid}/exe`).catch(() => ""));
  if (program === undefined) return [];
  const mounts = await mountsOf(pid);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const { state, parent, start } = statOf(stat);
  if (start === undefined || state === "Z" || mounts === undefined) return [];
  // `NSpid`: in each pid namespace, the innermost last (proc(5)).
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const innerPid = Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? pid);
  const title = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ").trim();
  return [{ ...program, pid, innerPid, mounts, start, parent: Number(parent), title: title.slice(title.lastIndexOf("/") + 1) }];
}

function mountsOf(pid: number | "self"): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

/** Whether this very process lives, not as a zombie, and still runs the program of the lab. */
export function isAlive({ pid, start, root, lab }: Pick<LocalServer, "pid" | "start" | "root" | "lab">): boolean {
  try {
    const now = statOf(readFileSync(`/proc/${pid}/stat`, "utf8"));
    if (now.start !== start || now.state === "Z") return false;
    const program = labProgram(readlinkSync(`/proc/${pid}/exe`));
    return program?.root === root && program.lab === lab;
  } catch {
    return false;
  }
}

/** Looked at and signalled without a pause between: the number can't pass to another process. */
export function signalServer(server: LocalServer, signal: "SIGTERM" | "SIGKILL"): void {
  if (!isAlive(server)) return;
  try {
    process.kill(server.pid, signal);
  } catch (error) {
    // It has just ended.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
