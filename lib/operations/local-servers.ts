import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { statOf } from "../base/process-identity.ts";

/** A server of a lab on this computer, found by what it executes: the program of a build below the `.redis-lab` of a project. */
export interface LocalServer {
  readonly pid: number;
  /** Start time in clock ticks since boot: with the pid, this very process. */
  readonly start: string;
  /** Folder of the project; it may be gone. */
  readonly root: string;
  readonly lab: string;
  readonly host: string;
  /** What it calls itself, for example `redis-server 127.0.1.18:6379 [cluster]`. */
  readonly title: string;
  /** Its program was deleted under it: with the folder of the lab, or by a new build. */
  readonly deleted: boolean;
}

/** A build is below the host's folder, in a folder named by the first digits of its key (`bootstrap/host-paths.ts`). */
const PROGRAM =
  /^(?<root>\/.*)\/\.redis-lab\/(?<lab>[a-z][a-z0-9-]*)\/local\/hosts\/(?<host>[a-z][a-z0-9-]*)\/(?:.*\/)?builds\/[0-9a-f]{16}\/[^/]+?(?<deleted> \(deleted\))?$/;

/** The program of a path in /proc/PID/exe as a server of a local lab; undefined for all others. */
export function labProgram(exe: string): Pick<LocalServer, "root" | "lab" | "host" | "deleted"> | undefined {
  const { root, lab, host, deleted } = PROGRAM.exec(exe)?.groups ?? {};
  return root === undefined || lab === undefined || host === undefined ? undefined : { root, lab, host, deleted: deleted !== undefined };
}

/** The servers of all local labs of this user (of every user, for root), whatever project started them. Their children that save are not counted. */
export async function localServers(): Promise<readonly LocalServer[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = (await Promise.all(pids.map((pid) => serverOf(Number(pid))))).flat();
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
  // In a container a path means another file.
  const namespace = (of: number | "self") => readlink(`/proc/${of}/ns/mnt`).catch(() => undefined);
  if ((await namespace(pid)) !== (await namespace("self"))) return [];
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const { state, parent, start } = statOf(stat);
  if (start === undefined || state === "Z") return [];
  const title = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ").trim();
  return [{ ...program, pid, start, parent: Number(parent), title: title.slice(title.lastIndexOf("/") + 1) }];
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
