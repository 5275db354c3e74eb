import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "../../../lib/base/wait.ts";

/** Where this computer has cgroup version 2 mounted: alone, or beside version 1. */
export async function cgroupRoot(): Promise<string> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  const found = mounts
    .split("\n")
    .find((line) => line.split(" ")[2] === "cgroup2")
    ?.split(" ")[1];
  if (found === undefined) throw new Error("no cgroup version 2 is mounted; systemd in a machine needs one");
  return found;
}

export async function makeCgroup(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
}

async function foldersOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(entries.filter((entry) => entry.isDirectory()).map((entry) => foldersOf(join(folder, entry.name))));
  return [...below.flat(), folder];
}

async function pidsOf(folder: string): Promise<number[]> {
  const texts = await Promise.all((await foldersOf(folder)).map((each) => readFile(join(each, "cgroup.procs"), "utf8").catch(() => "")));
  return texts
    .flatMap((text) => text.split("\n"))
    .filter(Boolean)
    .map(Number);
}

/** SIGKILL to every process in the cgroup and below, until none is left; at once and without a goodbye, as when the power goes. */
export async function killCgroup(folder: string): Promise<void> {
  await waitFor(
    async () => {
      const pids = await pidsOf(folder);
      if (pids.length === 0) return { done: true, value: undefined };
      for (const pid of pids) {
        try {
          // 0 is how a process of another pid namespace reads here, and would mean our own process group.
          if (pid > 0) process.kill(pid, "SIGKILL");
        } catch {
          // It ended between the look and the signal.
        }
      }
      return { done: false, missing: `the end of the processes ${pids.join(" ")}` };
    },
    { what: `the processes of ${folder} to end`, timeoutMs: 60_000, intervalMs: 10 },
  );
}

/** Removes the cgroup and what is below it. The kernel lets go of the dead a moment after their end, hence the wait. */
export async function removeCgroup(folder: string): Promise<void> {
  await waitFor(
    async () => {
      for (const each of await foldersOf(folder)) await rmdir(each).catch(() => undefined);
      return existsSync(folder) ? { done: false, missing: "an empty cgroup" } : { done: true, value: undefined };
    },
    { what: `the cgroup ${folder} to become empty`, timeoutMs: 60_000, intervalMs: 20 },
  );
}
