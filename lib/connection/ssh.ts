import { stat } from "node:fs/promises";
import type { Duplex } from "node:stream";
import pLimit from "p-limit";
import type { SFTPWrapper } from "ssh2";
import { isLabError } from "../error.ts";
import type { Login } from "../lab/targets.ts";
import type { CommandResult, Connection, ProbeResult, RunOptions, WriteOptions } from "./connection.ts";
import { cannotDial, cannotRead, cannotWrite, closedConnection, connectionLost, noSftp } from "./errors.ts";
import { replaceFile } from "./local-files.ts";
import { sh } from "./quote.ts";
import { DIAL_TIMEOUT_MS, PROBE_TIMEOUT_MS } from "./sockets.ts";
import { ConnectionEnded, openChannel } from "./ssh-channel.ts";
import { type ExecResult, exec } from "./ssh-exec.ts";
import { lendScript, NO_SUCH_FILE, placeScript, readScript, transferFolderScript } from "./ssh-files.ts";
import { dialForwarded } from "./ssh-forward.ts";
import { endpointOf, openLink, type SshLink, type SshOptions } from "./ssh-link.ts";

export type { SshOptions } from "./ssh-link.ts";

/** Sessions at a time on one connection: sshd's MaxSessions is 10, and a time-out needs one more to end its command. Forwarded ports do not count. */
const SESSIONS = 8;

/** Time-outs of file operations, in milliseconds: for a whole file, however long its upload took before. */
const FILE_TIMEOUT_MS = 120_000;

/**
 * Connects to a host over SSH and keeps one connection to it open. When it breaks, what was under way is rejected with `connection.lost`; the next call connects
 * anew.
 *
 * @throws LabError `connection.*` where the host cannot be reached, refuses our keys or shows another host key than the pinned one
 */
export async function openSshConnection(
  host: string,
  settings: Login & { readonly address: string },
  options: SshOptions,
): Promise<Connection> {
  const endpoint = endpointOf(settings);
  const connect = () => openLink(host, endpoint, options);
  return new SshConnection(host, await connect(), connect);
}

class SshConnection implements Connection {
  readonly host: string;
  private current: Promise<SshLink>;
  private readonly connect: () => Promise<SshLink>;
  private readonly sessions = pLimit(SESSIONS);
  private closed = false;

  constructor(host: string, link: SshLink, connect: () => Promise<SshLink>) {
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
    const { size } = await stat(localPath).catch((error: NodeJS.ErrnoException) => {
      throw cannotRead("this computer", localPath, error.message, error.code, error);
    });
    const made = await this.exec(transferFolderScript(), { title: `upload ${path}` });
    if (made.exitCode !== 0) throw cannotWrite(this.host, "/tmp", ...reasonOf(made));
    const folder = made.stdout.toString("utf8").trim();
    try {
      await this.sftp(`upload ${path}`, (sftp) =>
        transfer((done) => {
          const step = (sent: number) => options.onBytes?.(sent, size);
          sftp.fastPut(localPath, `${folder}/content`, { mode: 0o600, step }, done);
        }),
      );
    } catch (error) {
      if (isLabError(error)) throw error;
      await this.remove(folder);
      // SFTP 3 says no more than "Failure" when the file system is full.
      const detail = error instanceof Error ? error.message : String(error);
      throw cannotWrite(this.host, `${folder}/content`, detail, detail === "Failure" ? "ENOSPC" : undefined, error);
    }
    await this.place(path, placeScript({ path, mode: options.mode, owner: options.owner, size, from: folder }));
  }

  async download(path: string, localPath: string): Promise<void> {
    const title = `download ${path}`;
    const lent = await this.exec(lendScript(path), { title, root: true, timeoutMs: FILE_TIMEOUT_MS });
    if (lent.exitCode === NO_SUCH_FILE) throw cannotRead(this.host, path, "there is no such file", "ENOENT");
    if (lent.exitCode !== 0) throw cannotRead(this.host, path, ...reasonOf(lent));
    const folder = lent.stdout.toString("utf8");
    try {
      await replaceFile(localPath, 0o600, (_file, temporary) =>
        this.sftp(title, (sftp) => transfer((done) => sftp.fastGet(`${folder}/content`, temporary, done))),
      );
    } catch (error) {
      if (isLabError(error)) throw error;
      throw cannotWrite("this computer", localPath, (error as Error).message, (error as NodeJS.ErrnoException).code, error);
    } finally {
      await this.remove(folder);
    }
  }

  async dial(address: string, port: number, timeoutMs = DIAL_TIMEOUT_MS): Promise<Duplex> {
    const link = await this.link();
    const dialled = await dialForwarded(link, address, port, timeoutMs);
    if ("socket" in dialled) return dialled.socket;
    if (dialled.ended || !link.isOpen()) throw connectionLost(this.host, `connecting to ${address}:${port}`, link.fault());
    const failure = dialled.vague ? await this.askBash(address, port, timeoutMs) : undefined;
    throw cannotDial(this.host, `${address}:${port}`, failure ?? dialled.failure, dialled.cause);
  }

  async probe(address: string, port: number, timeoutMs = PROBE_TIMEOUT_MS): Promise<ProbeResult> {
    const link = await this.link();
    const dialled = await dialForwarded(link, address, port, timeoutMs);
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
    if (this.current === before) this.current = this.connect();
    return this.current;
  }

  private exec(script: string, options: RunOptions): Promise<ExecResult> {
    return this.sessions(async () => exec(await this.link(), this.host, script, options));
  }

  private async place(path: string, script: string, input?: string | Buffer): Promise<void> {
    const result = await this.exec(script, {
      title: `write ${path}`,
      root: true,
      timeoutMs: FILE_TIMEOUT_MS,
      ...(input !== undefined && { input }),
    });
    if (result.exitCode !== 0) throw cannotWrite(this.host, path, ...reasonOf(result));
  }

  /** Best effort: what stays behind is in /tmp, readable by the login user alone. */
  private async remove(folder: string): Promise<void> {
    await this.exec(sh`rm -rf -- ${folder}`, { title: `remove ${folder}` }).catch(() => undefined);
  }

  private sftp(title: string, work: (sftp: SFTPWrapper) => Promise<void>): Promise<void> {
    return this.sessions(async () => {
      const link = await this.link();
      const lost = link.ended.then(() => {
        throw connectionLost(this.host, title, link.fault());
      });
      let sftp: SFTPWrapper | undefined;
      try {
        const opened = openChannel<SFTPWrapper, SFTPWrapper>(
          link,
          (done) => link.client.sftp(done),
          (channel) => channel.on("error", () => {}),
        );
        sftp = (await opened.catch((error: Error) => Promise.reject(error instanceof ConnectionEnded ? error : noSftp(this.host, error))))
          .used;
        await Promise.race([work(sftp), lost]);
      } catch (error) {
        // The transfer may learn of the broken connection before we do.
        if (error instanceof ConnectionEnded || !link.isOpen()) throw connectionLost(this.host, title, link.fault());
        throw error;
      } finally {
        sftp?.end();
      }
    });
  }

  /**
   * Why a port cannot be reached, where sshd does not say: bash is asked to connect. Up to 7.4 (CentOS 7) sshd answers "administratively prohibited" to everything
   * that fails at once, a closed port of its own host too (serverloop.c of OpenSSH 7.4p1: server_input_channel_open). Undefined where bash gets through: then it
   * really is the server that refuses.
   */
  private async askBash(address: string, port: number, timeoutMs: number): Promise<Exclude<ProbeResult, "open"> | undefined> {
    const attempt = sh`bash -c 'exec 3<> "/dev/tcp/$0/$1"' ${address} ${port}`;
    const result = await this.exec(attempt, { title: `probe ${address}:${port}`, timeoutMs });
    const text = result.stderr.toString("utf8");
    if (result.timedOut || /timed out/.test(text)) return "timeout";
    if (/refused/.test(text)) return "refused";
    return /No route|unreachable|Name or service/.test(text) ? "unreachable" : undefined;
  }
}

function transfer(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}

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
