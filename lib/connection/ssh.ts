import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Duplex, Readable } from "node:stream";
import { replaceFile } from "../base/atomic.ts";
import { isLabError } from "../base/error.ts";
import type { Login } from "../lab/targets.ts";
import type { CommandResult, Connection, ProbeResult, RunOptions, WriteOptions } from "./connection.ts";
import { cannotDial, cannotRead, cannotWrite, closedConnection, connectionLost, givenUp } from "./errors.ts";
import { sh } from "./quote.ts";
import { DIAL_TIMEOUT_MS, PROBE_TIMEOUT_MS } from "./sockets.ts";
import { resolveEndpoint, type SshEndpoint } from "./ssh-endpoint.ts";
import { type ExecOptions, type ExecResult, exec, type StoredScript } from "./ssh-exec.ts";
import { NO_SUCH_FILE, placeScript, readScript } from "./ssh-files.ts";
import { dialForwarded } from "./ssh-forward.ts";
import { nameOf, openLink, type SshLink, type SshOptions } from "./ssh-link.ts";
import { SessionQueue } from "./ssh-sessions.ts";

export type { SshOptions } from "./ssh-link.ts";

/** The most that a download may bring, in bytes: programs that a host compiled have a few dozen millions. */
const LONGEST_DOWNLOAD = 1 << 30;

/** Longest time in which a file that is written or read does not get on, in milliseconds. */
const FILE_TIMEOUT_MS = 120_000;

/**
 * Connects to a host over SSH and keeps one connection to it open. When it breaks, what was under way is rejected with `connection.lost`; the next call connects
 * again.
 *
 * @throws LabError `connection.*` where the host cannot be reached, refuses our keys or shows another host key than the pinned one, and those of `resolveEndpoint`
 */
export async function openSshConnection(
  host: string,
  settings: Login & { readonly address: string },
  options: SshOptions,
): Promise<Connection> {
  const endpoint = await resolveEndpoint(host, settings, options);
  const connect = () => openLink(host, endpoint, options);
  return new SshConnection(host, await connect(), connect, endpoint, options.signal);
}

class SshConnection implements Connection {
  readonly host: string;
  private current: Promise<SshLink>;
  private readonly connect: () => Promise<SshLink>;
  private readonly sessions = new SessionQueue();
  private readonly endpoint: SshEndpoint;
  private readonly signal: AbortSignal | undefined;
  private closed = false;

  constructor(host: string, link: SshLink, connect: () => Promise<SshLink>, endpoint: SshEndpoint, signal: AbortSignal | undefined) {
    this.endpoint = endpoint;
    this.signal = signal;
    this.host = host;
    this.current = Promise.resolve(link);
    this.connect = connect;
  }

  async run(script: string, options: RunOptions): Promise<CommandResult> {
    const { stdout, stderr, ...rest } = await this.exec(script, options);
    return { host: this.host, title: options.title, ...rest, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const result = await this.exec(readScript(path), { title: `read ${path}`, root: true, timeoutMs: FILE_TIMEOUT_MS });
    if (result.exitCode === NO_SUCH_FILE) return undefined;
    if (result.exitCode !== 0) throw cannotRead(this.host, path, ...reasonOf(result));
    return result.stdout;
  }

  async writeFile(path: string, content: string | Buffer, options: WriteOptions): Promise<void> {
    const script = placeScript({ path, mode: options.mode, owner: options.owner, size: Buffer.byteLength(content) });
    await this.place(path, script, content);
  }

  async upload(
    localPath: string,
    path: string,
    options: WriteOptions & { readonly onBytes?: (sent: number, total: number) => void },
  ): Promise<void> {
    const unreadable = (error: NodeJS.ErrnoException) => cannotRead("this computer", localPath, error.message, error.code, error);
    // Opened before the way to the host is: an error of a stream to which nothing listens yet would end the process.
    const file = await open(localPath, "r").catch((error: NodeJS.ErrnoException) => Promise.reject(unreadable(error)));
    let content: Readable | undefined;
    try {
      const { size } = await file.stat();
      const script = placeScript({ path, mode: options.mode, owner: options.owner, size });
      const stream = file.createReadStream({ autoClose: false }).on("error", () => {});
      content = stream;
      await this.place(path, script, stream, (sent) => options.onBytes?.(sent, size));
    } catch (error) {
      throw !isLabError(error) && error === content?.errored ? unreadable(error as NodeJS.ErrnoException) : error;
    } finally {
      content?.destroy();
      await file.close().catch(() => undefined);
    }
  }

  async download(path: string, localPath: string, longestBytes = LONGEST_DOWNLOAD): Promise<void> {
    let result: ExecResult | undefined;
    try {
      await replaceFile(localPath, 0o600, async (_file, temporary) => {
        const output = createWriteStream(temporary, { flags: "r+" }).on("error", () => {});
        try {
          await once(output, "open");
          result = await this.exec(readScript(path), {
            title: `download ${path}`,
            root: true,
            timeoutMs: FILE_TIMEOUT_MS,
            patient: true,
            output,
            longestBytes,
          });
          await new Promise<void>((resolve, reject) => output.end((error?: Error | null) => (error ? reject(error) : resolve())));
        } finally {
          output.destroy();
        }
        if (result.exitCode !== 0) throw new IncompleteDownload();
      });
    } catch (error) {
      if (isLabError(error)) throw error;
      if (!(error instanceof IncompleteDownload) || result === undefined)
        throw cannotWrite("this computer", localPath, (error as Error).message, (error as NodeJS.ErrnoException).code, error);
      if (result.exitCode === NO_SUCH_FILE) throw cannotRead(this.host, path, "there is no such file", "ENOENT");
      throw cannotRead(this.host, path, ...reasonOf(result));
    }
  }

  async dial(address: string, port: number, timeoutMs = DIAL_TIMEOUT_MS): Promise<Duplex> {
    const link = await this.link();
    const dialled = await dialForwarded(link, address, port, timeoutMs, this.signal);
    if ("socket" in dialled) return dialled.socket;
    if (dialled.ended || !link.isOpen()) throw connectionLost(this.host, `connecting to ${address}:${port}`, link.fault());
    const failure = dialled.vague ? await this.askBash(address, port, timeoutMs) : undefined;
    throw cannotDial(this.host, `${address}:${port}`, failure ?? dialled.failure, dialled.cause);
  }

  async probe(address: string, port: number, timeoutMs = PROBE_TIMEOUT_MS): Promise<ProbeResult> {
    const link = await this.link();
    const dialled = await dialForwarded(link, address, port, timeoutMs, this.signal);
    if ("socket" in dialled) {
      dialled.socket.destroy();
      return "open";
    }
    if (dialled.ended || !link.isOpen()) throw connectionLost(this.host, `probing ${address}:${port}`, link.fault());
    const failure = dialled.vague ? await this.askBash(address, port, timeoutMs) : undefined;
    return failure ?? dialled.failure;
  }

  async close(): Promise<void> {
    this.closed = true;
    const link = await this.current.catch(() => undefined);
    await link?.close();
  }

  /** The open connection, or a new one where it has ended; one attempt for all who ask at the same time. */
  private async link(): Promise<SshLink> {
    if (this.closed) throw closedConnection(this.host);
    const before = this.current;
    const link = await before.catch(() => undefined);
    if (link?.isOpen()) return link;
    if (this.signal?.aborted === true) throw givenUp(this.host, nameOf(this.endpoint));
    if (this.current === before) this.current = this.connect();
    return this.current;
  }

  private exec(script: string, given: ExecOptions): Promise<ExecResult> {
    const options = given.look === true ? { ...given, signal: given.signal ?? this.signal } : given;
    const stored: StoredScript = {};
    return this.sessions.run(async () => exec(await this.link(), this.host, script, options, { stored, connectAgain: this.connect }));
  }

  private async place(path: string, script: string, input: string | Buffer | Readable, onSent?: (bytes: number) => void): Promise<void> {
    const result = await this.exec(script, {
      title: `write ${path}`,
      root: true,
      timeoutMs: FILE_TIMEOUT_MS,
      patient: true,
      input,
      onSent,
    });
    if (result.exitCode !== 0) throw cannotWrite(this.host, path, ...reasonOf(result));
  }

  /**
   * Why a port cannot be reached, where sshd does not say: bash is asked to connect. Up to 7.4 (CentOS 7) sshd answers "administratively prohibited" to everything
   * that fails at once, a closed port of its own host too (serverloop.c of OpenSSH 7.4p1: server_input_channel_open). Undefined where bash gets through: then it
   * really is the server that refuses.
   */
  private async askBash(address: string, port: number, timeoutMs: number): Promise<Exclude<ProbeResult, "open"> | undefined> {
    const attempt = sh`bash -c 'exec 3<> "/dev/tcp/$0/$1"' ${address} ${port}`;
    const result = await this.exec(attempt, { title: `probe ${address}:${port}`, timeoutMs, look: true });
    const text = result.stderr.toString("utf8");
    if (result.timedOut || /timed out/.test(text)) return "timeout";
    if (/refused/.test(text)) return "refused";
    return /No route|unreachable|Name or service/.test(text) ? "unreachable" : undefined;
  }
}

/** The file was not read to its end; the result of the command says why. */
class IncompleteDownload extends Error {}

/** The last line of a failed script's complaint, and its errno where the C library's text is known. */
function reasonOf(result: ExecResult): [detail: string, errno: string | undefined] {
  if (result.timedOut) return ["it took too long", undefined];
  const text = result.stderr.toString("utf8").trim().split("\n").at(-1) ?? "";
  const errno = Object.entries(ERRNO_TEXTS).find(([phrase]) => text.includes(phrase))?.[1];
  return [text === "" ? `exit code ${result.exitCode ?? result.signal}` : text.replace(/\.$/, ""), errno];
}

const ERRNO_TEXTS: Readonly<Record<string, string>> = {
  "No space left on device": "ENOSPC",
  "Disk quota exceeded": "EDQUOT",
  "Permission denied": "EACCES",
  "Operation not permitted": "EPERM",
  "Read-only file system": "EROFS",
  "No such file or directory": "ENOENT",
};
