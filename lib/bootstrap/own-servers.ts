import { isLabError } from "../base/error.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import { commandFailed } from "./errors.ts";
import { buildsFolder } from "./host-paths.ts";

/** A server that runs a build of this host's folder, whatever it works on. */
export interface OwnServer {
  readonly pid: number;
  /** As it calls itself, for example `/apps/redis/bin/redis-server 192.168.1.18:6379 [cluster]`. */
  readonly title: string;
}

/** A child that saves, and that Redis kills when it ends, is gone a moment later than its parent. */
const GRACE_MS = 3_000;

/** Servers that run a program of this host's builds, as of now. Zombies are none. @throws LabError `connection.*`, `bootstrap.command-failed` */
export async function ownServers(connection: Connection, placement: Placement, host: PlacedHost): Promise<readonly OwnServer[]> {
  const { server } = placement.version.product.programs;
  const plain = (text: string) => text.replaceAll(/[\\*?[\]]/g, "\\$&");
  // The kernel says so of a program whose file is gone (proc(5)).
  const one = `${plain(buildsFolder(host.paths))}/*/${server}`;
  const two = `${plain(host.paths.bin)}/${server}`;
  const script = sh`for e in $(find /proc/[0-9]*/exe -lname ${one} -o -lname ${`${one} (deleted)`} -o -lname ${two} -o -lname ${`${two} (deleted)`} 2>/dev/null); do
  p=\${e#/proc/}; p=\${p%/exe}; printf '%s %s\n' "$p" "$(tr '\\000' ' ' < "/proc/$p/cmdline" 2>/dev/null)"
done`;
  const result = await connection.run(script, { title: "look for servers", root: true });
  if (result.exitCode !== 0) throw commandFailed(connection.host, "stop", result);
  return [...result.stdout.matchAll(/^(\d+) (.*)$/gm)].map(([, pid, title = ""]) => ({ pid: Number(pid), title: title.trim() }));
}

/** The servers that are still there after the moment that a child needs to end. */
export async function serversLeft(connection: Connection, placement: Placement, host: PlacedHost): Promise<readonly OwnServer[]> {
  let left: readonly OwnServer[] = [];
  const look = async (): Promise<Attempt<undefined>> => {
    left = await ownServers(connection, placement, host);
    return left.length === 0 ? { done: true, value: undefined } : { done: false, missing: left.map(({ pid }) => pid).join(", ") };
  };
  await waitFor(look, { what: "the end of servers", timeoutMs: GRACE_MS }).catch((error: unknown) => {
    if (!isLabError(error) || error.code !== "wait.timeout") throw error;
  });
  return left;
}
