import { type FileHandle, open, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { replaceFile } from "../base/atomic.ts";
import { plainEnvironment, startProgram } from "../base/process.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import type { CommandResult, Connection, ProbeResult, RunOptions, WriteOptions } from "./connection.ts";
import { cannotDial, cannotRead, cannotStart, cannotWrite, tooMuchOutput } from "./errors.ts";
import { LONGEST_OUTPUT, OutputStream } from "./output.ts";
import { assertOurs } from "./socket-owner.ts";
import { DIAL_TIMEOUT_MS, type Dialled, dialDirectly, PROBE_TIMEOUT_MS } from "./sockets.ts";

/** sbin is missing on the PATH of ordinary users of some distributions; the scripts need `sysctl` and `ss`. */
export const PATH_TAIL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Longest script that is passed as an argument, in bytes: one argument holds at most 128 KiB on Linux (MAX_ARG_STRLEN of execve(2)). */
const LONGEST_ARGUMENT = 120 * 1024;

export interface LocalOptions {
  /** The interruption of the run. */
  readonly signal?: AbortSignal | undefined;
  /** Users, by id, whose servers are dialled as our own are. @default none */
  readonly trusted?: readonly number[];
  /** Where the host is, if that is apart from this process. @default in this very place */
  readonly place?: HostPlace | undefined;
}

/** A place on this computer with a network, file systems and processes of its own. */
export interface HostPlace {
  /** What stands before a program that runs there. */
  enter(): readonly string[];
  /** Under which path this process finds a file of there. */
  pathOf(path: string): string;
  /** @throws LabError `connection.open-files`, `connection.given-up` */
  dial(address: string, port: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<Dialled>;
  /** As `dial`, for a look whether that is possible. It may start at another end: `dial` is of who looks after the lab, this of the host. */
  probe(address: string, port: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<Dialled>;
}

/**
 * A host that is this computer: commands are children of the calling user. `root` and `owner` are ignored, everything is the caller's. A server of another user is not dialled: on Linux
 * `dial` rejects with `connection.not-ours` before anything is sent; other systems do not say whose it is.
 */
export function openLocalConnection(host: string, options: LocalOptions = {}): Connection {
  return new LocalConnection(host, options);
}

class LocalConnection implements Connection {
  readonly host: string;
  private readonly signal: AbortSignal | undefined;
  private readonly trusted: readonly number[];
  private readonly place: HostPlace | undefined;

  constructor(host: string, { signal, trusted = [], place }: LocalOptions) {
    this.host = host;
    this.signal = signal;
    this.trusted = trusted;
    this.place = place;
  }

  async run(script: string, given: RunOptions): Promise<CommandResult> {
    const options = given.look === true ? { ...given, signal: given.signal ?? this.signal } : given;
    options.signal?.throwIfAborted();
    if (Buffer.byteLength(script) <= LONGEST_ARGUMENT) return this.spawn(["-c", script], options);
    const folder = await temporaryFolder("script");
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
      return await readFile(this.pathOf(path));
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw cannotRead(this.host, path, textOf(error), errnoOf(error), error);
    }
  }

  async writeFile(path: string, content: string | Buffer, options: WriteOptions): Promise<void> {
    await this.replace(path, options.mode, (file) => file.writeFile(content), this.pathOf(path));
  }

  async upload(
    localPath: string,
    path: string,
    options: WriteOptions & { readonly onBytes?: (sent: number, total: number) => void },
  ): Promise<void> {
    await this.copy(localPath, this.pathOf(path), options, ["this computer", localPath], path);
  }

  async download(path: string, localPath: string): Promise<void> {
    await this.copy(this.pathOf(path), localPath, { mode: 0o600 }, [this.host, path], localPath);
  }

  /** @param from and `to`: where they are for this process; @param shownFrom and `shownTo`: as an error names them */
  private async copy(
    from: string,
    to: string,
    options: WriteOptions & { readonly onBytes?: (sent: number, total: number) => void },
    shownFrom: readonly [host: string, path: string],
    shownTo: string,
  ): Promise<void> {
    const source = await open(from, "r").catch((error: unknown) => {
      throw cannotRead(...shownFrom, textOf(error), errnoOf(error), error);
    });
    try {
      const total = (await source.stat()).size;
      const fill = async (file: FileHandle) => {
        let sent = 0;
        for await (const chunk of source.createReadStream({ autoClose: false, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
          await file.writeFile(chunk);
          sent += chunk.length;
          options.onBytes?.(sent, total);
        }
      };
      await this.replace(shownTo, options.mode, fill, to);
    } finally {
      await source.close();
    }
  }

  async dial(address: string, port: number, timeoutMs = DIAL_TIMEOUT_MS): Promise<Duplex> {
    const { place } = this;
    const dialled = await (place === undefined
      ? dialDirectly(address, port, timeoutMs, this.signal)
      : place.dial(address, port, timeoutMs, this.signal));
    if ("failure" in dialled) throw cannotDial(this.host, `${address}:${port}`, dialled.failure, dialled.cause);
    const { socket } = dialled;
    // In a network of the lab's own all servers are this user's.
    if (place !== undefined) return socket;
    try {
      await assertOurs(socket, this.host, { address, port }, this.trusted);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }

  async probe(address: string, port: number, timeoutMs = PROBE_TIMEOUT_MS): Promise<ProbeResult> {
    const { place } = this;
    const dialled = await (place === undefined
      ? dialDirectly(address, port, timeoutMs, this.signal)
      : place.probe(address, port, timeoutMs, this.signal));
    if ("failure" in dialled) return dialled.failure;
    dialled.socket.destroy();
    return "open";
  }

  async close(): Promise<void> {}

  private pathOf(path: string): string {
    return this.place?.pathOf(path) ?? path;
  }

  /** @param at where the file is for this process */
  private async replace(path: string, mode: number, fill: Parameters<typeof replaceFile>[2], at: string): Promise<void> {
    try {
      await replaceFile(at, mode, fill);
    } catch (error) {
      throw cannotWrite(this.host, path, textOf(error), errnoOf(error), error);
    }
  }

  private async spawn(args: readonly string[], options: RunOptions): Promise<CommandResult> {
    const begin = performance.now();
    const { input, timeoutMs = 60_000, signal, kept } = options;
    const stdout = new OutputStream(options.onLine, kept);
    const stderr = new OutputStream(options.onLine, kept);
    const into = (output: OutputStream) => (chunk: Buffer) => {
      output.push(chunk);
      if (output.tooLong) void program.stop();
      return options.room?.();
    };
    const enter = options.outside === true ? [] : (this.place?.enter() ?? []);
    const [file = "sh", ...words] = [...enter, "sh", ...args];
    const program = startProgram(file, words, {
      environment: environment(),
      cwd: "/",
      input,
      timeoutMs,
      signal,
      onStdout: into(stdout),
      onStderr: into(stderr),
    });
    const end = await program.ended;
    stdout.end();
    stderr.end();
    if (end.failure !== undefined) throw cannotStart(this.host, options.title, end.failure);
    signal?.throwIfAborted();
    if (stdout.tooLong || stderr.tooLong) throw tooMuchOutput(this.host, options.title, LONGEST_OUTPUT);
    return {
      host: this.host,
      title: options.title,
      exitCode: end.exitCode,
      signal: end.signal,
      stdout: stdout.text(),
      stderr: stderr.text(),
      timedOut: end.timedOut,
      durationMs: Math.round(performance.now() - begin),
    };
  }
}

function environment(): NodeJS.ProcessEnv {
  const path = [process.env.PATH, PATH_TAIL].filter(Boolean).join(":");
  // Messages of system tools are parsed: they must not depend on the caller's language.
  return { HOME: homedir(), ...plainEnvironment(), PATH: path, LC_ALL: "C" };
}

function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** `ENOSPC: no space left on device, write` → `no space left on device`. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(text)?.[1] ?? text;
}
