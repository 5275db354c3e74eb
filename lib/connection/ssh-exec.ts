import { randomBytes } from "node:crypto";
import type { ClientChannel } from "ssh2";
import type { RunOptions } from "./connection.ts";
import { cannotWrite, connectionLost, noChannel, noShell, sudoRefused } from "./errors.ts";
import { OutputStream } from "./output.ts";
import { raw, sh } from "./quote.ts";
import { ConnectionEnded, openChannel } from "./ssh-channel.ts";
import type { SshLink } from "./ssh-link.ts";

/** What a command gave, as bytes. */
export interface ExecResult {
  readonly exitCode: number | null;
  readonly signal: string | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

/**
 * Longest exec request, in bytes. Linux allows 128 KiB for one argument (MAX_ARG_STRLEN of execve(2)), and sshd passes the whole request as one to the login
 * shell; but an SSH packet is only sure to hold 32768 bytes of payload (RFC 4253, 6.1). A longer script goes through a file.
 */
const LONGEST_REQUEST = 30_000;

/** sbin is missing on the PATH of a non-login shell and of sudo's secure_path on some systems. */
const PATH_TAIL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** How long output may still come after the kill signals were sent, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * Runs a script on the other side, as `sh -c` or, for root, `sudo -n -- sh -c`. Its standard input is the caller's. Before the script runs, a line with a random
 * word is written to both outputs: what came before it (shell start-up files, warnings of sudo) is not the script's, and where it never comes, the script has not
 * run. It also tells the process group that a time-out has to end: sshd before 7.9 knows no signal request, and none reaches what sudo started.
 *
 * @throws LabError `connection.lost`, `.no-session`, `.sudo`, `.no-shell`; the reason of `options.signal`
 */
export async function exec(link: SshLink, host: string, script: string, options: RunOptions): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const sudo = options.root === true && link.endpoint.user !== "root";
  const nonce = `redis-lab:${randomBytes(8).toString("hex")}:`;
  const direct = commandLine(sudo, "-c", `${prelude(nonce)}\n${script}`);
  if (Buffer.byteLength(direct) <= LONGEST_REQUEST) return execLine(link, host, direct, nonce, sudo, options);

  // In a folder that only the login user can read; root reads it anyway. The script removes it as its first act: the shell keeps the file open.
  const folder = `/tmp/redis-lab-${randomBytes(8).toString("hex")}`;
  const file = `${folder}/script`;
  const text = `rm -rf -- ${folder}\n${prelude(nonce)}\n${script}\n`;
  const store = sh`umask 077 && mkdir ${folder} && cat > ${file} && test "$(wc -c < ${file})" -eq ${Buffer.byteLength(text)}`;
  const { root: _, onLine: __, ...plain } = options;
  const stored = await exec(link, host, store, { ...plain, input: text });
  if (stored.exitCode !== 0) throw cannotWrite(host, folder, stored.stderr.toString("utf8").trim() || `exit code ${stored.exitCode}`);
  return execLine(link, host, commandLine(sudo, file), nonce, sudo, options);
}

function commandLine(sudo: boolean, ...args: readonly string[]): string {
  // `exec`, so that an exit by a signal is reported as one by sshd. The login shell reads this line: it must be a POSIX shell.
  return sh`exec ${raw(sudo ? "sudo -n -- " : "")}sh ${args}`;
}

function prelude(nonce: string): string {
  // The fifth field of /proc/self/stat is the process group (proc(5)); `read` is a builtin, so that self is this shell.
  return sh`read -r _a _b _c _d _group _e < /proc/self/stat
printf '%s%s\\n' ${nonce} "$_group"; printf '%s%s\\n' ${nonce} "$_group" >&2
unset _a _b _c _d _group _e; PATH=$PATH:${raw(PATH_TAIL)} LC_ALL=C; export PATH LC_ALL`;
}

async function execLine(link: SshLink, host: string, line: string, nonce: string, sudo: boolean, options: RunOptions): Promise<ExecResult> {
  const follow = (channel: ClientChannel) => followChannel(link, host, channel, nonce, sudo, options);
  const { used } = await openExec(link, line, follow).catch((error: Error) => {
    const ended = error instanceof ConnectionEnded || !link.isOpen();
    throw ended ? connectionLost(host, options.title, link.fault()) : noChannel(host, options.title, error);
  });
  return used;
}

function openExec<R>(link: SshLink, line: string, use: (channel: ClientChannel) => R): Promise<{ readonly used: R }> {
  return openChannel(link, (done) => link.client.exec(line, done), use);
}

function followChannel(
  link: SshLink,
  host: string,
  channel: ClientChannel,
  nonce: string,
  sudo: boolean,
  options: RunOptions,
): Promise<ExecResult> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    // Stopped before it told its group: it is ended as soon as it does.
    const onGroup = (group: number) => stopping && killGroup(link, group, sudo);
    const stdout = new MarkedStream(nonce, () => {}, options.onLine);
    const stderr = new MarkedStream(nonce, onGroup, options.onLine);
    let exit: { readonly code: number | null; readonly signal: string | undefined } | undefined;
    let timedOut = false;
    let stopping = false;
    let lastWait: NodeJS.Timeout | undefined;

    const settle = () => {
      clearTimeout(timer);
      clearTimeout(lastWait);
      options.signal?.removeEventListener("abort", stop);
      stdout.end();
      stderr.end();
      if (options.signal?.aborted) return reject(options.signal.reason);
      // An exit code may come before the last output: with a broken connection it says nothing.
      if (!timedOut && (exit === undefined || !link.isOpen())) return reject(connectionLost(host, options.title, link.fault()));
      if (stderr.group === undefined && !timedOut) {
        const said = [stderr.before(), stdout.before()].filter(Boolean).join("; ");
        return reject(sudo ? sudoRefused(host, link.endpoint.user, said) : noShell(host, link.endpoint.user, said));
      }
      resolve({
        exitCode: timedOut ? null : (exit?.code ?? null),
        signal: exit?.signal,
        stdout: stdout.bytes(),
        stderr: stderr.bytes(),
        timedOut,
        durationMs: Math.round(performance.now() - started),
      });
    };
    const stop = () => {
      if (stopping) return;
      stopping = true;
      if (stderr.group !== undefined) killGroup(link, stderr.group, sudo);
      // Something that left the process group may hold the outputs open for ever.
      lastWait = setTimeout(() => {
        channel.close();
        settle();
      }, GRACE_MS);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeoutMs ?? 60_000);
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener("abort", stop, { once: true });

    channel.on("data", (chunk: Buffer) => stdout.push(chunk));
    channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    channel.on("exit", (code: number | null, signal?: string) => {
      exit = { code, signal: signal === undefined ? undefined : `SIG${signal.replace(/^SIG/, "")}` };
    });
    // A command may end without reading all of its input; that is no fault.
    channel.on("error", () => {});
    channel.once("close", settle);
    channel.end(options.input ?? "");
  });
}

/** Ends a process group on the other side: first politely, two seconds later by force. Its own channel is one of the two that the limit leaves free. */
function killGroup(link: SshLink, group: number, sudo: boolean): void {
  const script = sh`kill -s TERM -- -${group}; n=0
while kill -s 0 -- -${group} 2> /dev/null && [ $n -lt 20 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL -- -${group}`;
  const discard = (channel: ClientChannel) => {
    channel.on("error", () => {}).resume();
    channel.stderr.resume();
    channel.end();
  };
  // Where it fails, the connection has ended meanwhile: the command is reported as lost.
  openExec(link, commandLine(sudo, "-c", script), discard).catch(() => {});
}

/** An output whose first lines are not the script's. */
class MarkedStream {
  /** The process group of the script; undefined while the marker has not come. */
  group: number | undefined;
  private head: Buffer = Buffer.alloc(0);
  private readonly output: OutputStream;
  private readonly marker: Buffer;
  private readonly onGroup: (group: number) => void;

  constructor(marker: string, onGroup: (group: number) => void, onLine?: (line: string) => void) {
    this.marker = Buffer.from(marker);
    this.onGroup = onGroup;
    this.output = new OutputStream(onLine);
  }

  push(chunk: Buffer): void {
    if (this.group !== undefined) {
      this.output.push(chunk);
      return;
    }
    this.head = Buffer.concat([this.head, chunk]);
    const start = this.head.indexOf(this.marker);
    const end = start === -1 ? -1 : this.head.indexOf("\n", start);
    if (end === -1) return;
    this.group = Number(this.head.toString("latin1", start + this.marker.length, end));
    const rest = this.head.subarray(end + 1);
    this.head = Buffer.alloc(0);
    this.onGroup(this.group);
    if (rest.length > 0) this.output.push(rest);
  }

  end(): void {
    this.output.end();
  }

  bytes(): Buffer {
    return this.output.bytes();
  }

  /** What came instead of the script's output, for a message. */
  before(): string {
    return this.head.toString("utf8").trim().slice(0, 500);
  }
}
