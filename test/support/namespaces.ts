import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { tryRun } from "./command.ts";

// A world of its own for tests that need root: pid, mount, network and IPC namespaces that end with the process that made them, so that the kernel itself stops every process,
// unmounts every folder and removes every interface, however a run ends. What can outlive a kill -9 bears the name of its owner, and the next run sweeps it away.

/** Runs `script` (bash) as root of fresh namespaces, with `args` as its $1, $2, … and with this terminal; resolves to its exit code. */
export function runInNamespaces(script: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  // bash is pid 1 of the world and reaps its orphans. unshare dies with this process (pdeathsig), pid 1 with unshare (kill-child), and all others with pid 1.
  const unshare = [
    "unshare",
    "--pid",
    "--fork",
    "--kill-child=SIGKILL",
    "--mount",
    "--propagation",
    "private",
    "--mount-proc",
    "--net",
    "--ipc",
  ];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...unshare, "bash", "-c", script, "bash", ...args], {
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  // Ctrl-C reaches the tests too, through the terminal: they get ten seconds to end by themselves.
  const kill = () => child.kill("SIGKILL");
  const onInterrupt = () => {
    process.once("SIGINT", kill);
    setTimeout(kill, 10_000).unref();
  };
  process.once("SIGINT", onInterrupt);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, kill);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      for (const [signal, listener] of [
        ["SIGINT", onInterrupt],
        ["SIGINT", kill],
        ["SIGTERM", kill],
        ["SIGHUP", kill],
      ] as const)
        process.off(signal, listener);
      resolve(code ?? 130);
    });
  });
}

/** Of `[program, package]` those packages whose program is not on this computer; a whole command (`test -e …`) stands for what is not on the PATH. */
export async function missingPackages(required: readonly (readonly [string, string])[]): Promise<readonly string[]> {
  const packages: string[] = [];
  for (const [program, name] of required) {
    const check = program.includes(" ") ? program : `command -v ${program}`;
    if ((await tryRun("sh", ["-c", check])).code !== 0) packages.push(name);
  }
  return [...new Set(packages)];
}

/** A name that no other process ever has: the pid and, since pids come again, the start time. */
export async function nameOfOwner(prefix: string): Promise<string> {
  return `${prefix}${process.pid}-${await startTimeOf(process.pid)}`;
}

/** Names in a folder that nameOfOwner gave to processes that are gone. */
export async function leftoversIn(folder: string, prefix: string): Promise<readonly string[]> {
  const left: string[] = [];
  for (const name of await readdir(folder)) {
    const owner = name.startsWith(prefix) ? /^(\d+)-(\d+)$/.exec(name.slice(prefix.length)) : null;
    if (owner !== null && (await startTimeOf(Number(owner[1]))) !== owner[2]) left.push(name);
  }
  return left;
}

/** Start time of a process, in clock ticks since boot: with the pid it names a process for good (proc(5), field 22 of stat). */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
