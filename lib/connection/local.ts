import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { CommandResult, Connection, ProbeResult, RunOptions, WriteOptions } from "./connection.ts";
import { cannotDial, cannotRead, cannotStart, cannotWrite } from "./errors.ts";
import { replaceFile } from "./local-files.ts";
import { OutputStream } from "./output.ts";
import { DIAL_TIMEOUT_MS, dialDirectly, PROBE_TIMEOUT_MS } from "./sockets.ts";

/**
 * What a command on this computer gets of our environment: as little as a fresh SSH login would give, so that both targets behave alike and no password that
 * came by environment lives on in `/proc/PID/environ` of a Redis that was started.
 */
const ENVIRONMENT = [
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "TZ",
  "CC",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

/** sbin is missing on the PATH of ordinary users of some distributions; the scripts need `sysctl` and `ss`. */
export const PATH_TAIL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Longest script that is passed as an argument, in bytes: one argument holds at most 128 KiB on Linux (MAX_ARG_STRLEN of execve(2)). */
const LONGEST_ARGUMENT = 120 * 1024;

/** From the first signal to the second, in milliseconds. */
const GRACE_MS = 2_000;

/** Process groups of commands that still run; when this process ends in an orderly way, they end too. */
const running = new Set<number>();
process.on("exit", () => {
  for (const group of running) killGroup(group, "SIGTERM");
});

/** A host that is this computer: commands are children of the calling user. `root` and `owner` are ignored, everything is the caller's. */
export function openLocalConnection(host: string): Connection {
  return new LocalConnection(host);
}

class LocalConnection implements Connection {
  readonly host: string;

  constructor(host: string) {
    this.host = host;
  }

  async run(script: string, options: RunOptions): Promise<CommandResult> {
    options.signal?.throwIfAborted();
    if (Buffer.byteLength(script) <= LONGEST_ARGUMENT) return this.spawn(["-c", script], options);
    const folder = await mkdtemp(join(tmpdir(), "redis-lab-"));
    try {
      const file = join(folder, "script");
      await writeFile(file, script, { mode: 0o600 });
      return await this.spawn([file], options);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw cannotRead(this.host, path, textOf(error), errnoOf(error), error);
    }
  }

  async writeFile(path: string, content: string | Buffer, options: WriteOptions): Promise<void> {
    await this.replace(path, options.mode, (file) => file.writeFile(content));
  }

  async upload(
    localPath: string,
    path: string,
    options: WriteOptions & { readonly onBytes?: (sent: number, total: number) => void },
  ): Promise<void> {
    const source = await open(localPath, "r").catch((error: unknown) => {
      throw cannotRead("this computer", localPath, textOf(error), errnoOf(error), error);
    });
    try {
      const total = (await source.stat()).size;
      await this.replace(path, options.mode, async (file) => {
        let sent = 0;
        for await (const chunk of source.createReadStream({ autoClose: false, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
          await file.writeFile(chunk);
          sent += chunk.length;
          options.onBytes?.(sent, total);
        }
      });
    } finally {
      await source.close();
    }
  }

  async download(path: string, localPath: string): Promise<void> {
    await this.upload(path, localPath, { mode: 0o600 });
  }

  async dial(address: string, port: number, timeoutMs = DIAL_TIMEOUT_MS): Promise<Duplex> {
    const dialled = await dialDirectly(address, port, timeoutMs);
    if ("failure" in dialled) throw cannotDial(this.host, `${address}:${port}`, dialled.failure, dialled.cause);
    return dialled.socket;
  }

  async probe(address: string, port: number, timeoutMs = PROBE_TIMEOUT_MS): Promise<ProbeResult> {
    const dialled = await dialDirectly(address, port, timeoutMs);
    if ("failure" in dialled) return dialled.failure;
    dialled.socket.destroy();
    return "open";
  }

  async close(): Promise<void> {}

  private async replace(path: string, mode: number, fill: Parameters<typeof replaceFile>[2]): Promise<void> {
    try {
      await replaceFile(path, mode, fill);
    } catch (error) {
      throw cannotWrite(this.host, path, textOf(error), errnoOf(error), error);
    }
  }

  private spawn(args: readonly string[], options: RunOptions): Promise<CommandResult> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      // `detached` makes a process group of its own, so that a time-out ends the command with all its children.
      const child = spawn("sh", args, { detached: true, cwd: "/", env: environment(), stdio: ["pipe", "pipe", "pipe"] });
      const stdout = new OutputStream(options.onLine);
      const stderr = new OutputStream(options.onLine);
      let timedOut = false;
      let second: NodeJS.Timeout | undefined;
      const stop = () => {
        if (child.pid === undefined || second !== undefined) return;
        const group = child.pid;
        killGroup(group, "SIGTERM");
        second = setTimeout(() => {
          killGroup(group, "SIGKILL");
          // A child that left the group may still hold the pipes: it shall not hold us.
          child.stdout.destroy();
          child.stderr.destroy();
        }, GRACE_MS);
      };
      const timer = setTimeout(() => {
        timedOut = true;
        stop();
      }, options.timeoutMs ?? 60_000);
      options.signal?.addEventListener("abort", stop, { once: true });
      const settle = () => {
        clearTimeout(timer);
        clearTimeout(second);
        options.signal?.removeEventListener("abort", stop);
        if (child.pid !== undefined) running.delete(child.pid);
        stdout.end();
        stderr.end();
      };

      child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
      // A command may end without reading all of its input; that is no fault (EPIPE).
      child.stdin.on("error", () => {});
      child.stdin.end(options.input ?? "");
      if (child.pid !== undefined) running.add(child.pid);
      child.once("error", (error) => {
        if (child.pid !== undefined) return;
        settle();
        reject(cannotStart(this.host, options.title, error));
      });
      child.once("close", (exitCode, signal) => {
        settle();
        if (options.signal?.aborted) return reject(options.signal.reason);
        resolve({
          host: this.host,
          title: options.title,
          exitCode: timedOut ? null : exitCode,
          signal: signal ?? undefined,
          stdout: stdout.text(),
          stderr: stderr.text(),
          timedOut,
          durationMs: Math.round(performance.now() - started),
        });
      });
    });
  }
}

function environment(): NodeJS.ProcessEnv {
  const kept = ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const path = [process.env.PATH, PATH_TAIL].filter(Boolean).join(":");
  // Messages of system tools are parsed: they must not depend on the caller's language.
  return { HOME: homedir(), ...Object.fromEntries(kept), PATH: path, LC_ALL: "C" };
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Already gone.
  }
}

function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** `ENOSPC: no space left on device, write` → `no space left on device`. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(text)?.[1] ?? text;
}
