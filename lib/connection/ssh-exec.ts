import { randomBytes } from "node:crypto";
import { Readable, type Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { PATIENCE_MS } from "../base/patience.ts";
import type { RunOptions } from "./connection.ts";
import { cannotWrite, connectionLost, noChannel, noShell, sudoRefused, tooMuchOutput } from "./errors.ts";
import { LONGEST_OUTPUT, OutputStream } from "./output.ts";
import { raw, sh } from "./quote.ts";
import { ConnectionEnded, openChannel } from "./ssh-channel.ts";
import type { SshLink } from "./ssh-link.ts";

/** What `exec` takes beside a script. */
export interface ExecOptions extends Omit<RunOptions, "input"> {
  /** Bytes for standard input, or a stream of them, read no faster than the other side takes them. @default empty */
  readonly input?: string | Buffer | Readable | undefined;
  /** Called with the bytes of a streamed `input` that were read so far; ssh2 may still hold some of them. */
  readonly onSent?: ((bytes: number) => void) | undefined;
  /** Takes the bytes of standard output, which is then empty in the result. @default they are kept in memory */
  readonly output?: Writable | undefined;
  /** The most that `output` takes, in bytes. @default no limit */
  readonly longestBytes?: number | undefined;
  /** The time-out is counted from the last byte that went in or out. @default false: from the start */
  readonly patient?: boolean | undefined;
}

/** What a command gave, as bytes. */
export interface ExecResult {
  readonly exitCode: number | null;
  readonly signal: string | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

type ConnectAgain = () => Promise<SshLink>;

/** What a long script left on the other side when no session was to be had for running it: the next attempt runs that. */
export interface StoredScript {
  script?: { readonly nonce: string; readonly file: string };
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
 * @throws LabError `connection.lost`, `.no-session`, `.sudo`, `.no-shell`; the reason of `options.signal`; the error of `options.input` or `options.output`
 */
export async function exec(
  link: SshLink,
  host: string,
  script: string,
  options: ExecOptions,
  { stored = {}, connectAgain }: { readonly stored?: StoredScript; readonly connectAgain?: ConnectAgain | undefined } = {},
): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const sudo = options.root === true && link.endpoint.user !== "root";
  if (stored.script !== undefined)
    return execLine(link, host, commandLine(sudo, stored.script.file), stored.script.nonce, sudo, options, connectAgain);
  const nonce = `redis-lab:${randomBytes(8).toString("hex")}:`;
  const direct = commandLine(sudo, "-c", `${prelude(nonce)}\n${script}`);
  if (Buffer.byteLength(direct) <= LONGEST_REQUEST) return execLine(link, host, direct, nonce, sudo, options, connectAgain);

  // In a folder that only the login user can read; root reads it anyway. The script removes it as its first act: the shell keeps the file open.
  const folder = `/tmp/redis-lab-${randomBytes(8).toString("hex")}`;
  const file = `${folder}/script`;
  const text = `rm -rf -- ${folder}\n${prelude(nonce)}\n${script}\n`;
  const store = sh`umask 077 && mkdir ${folder} && cat > ${file} && test "$(wc -c < ${file})" -eq ${Buffer.byteLength(text)}`;
  const { title, timeoutMs, signal } = options;
  const result = await exec(link, host, store, { title, timeoutMs, signal, input: text }, { connectAgain });
  if (result.exitCode !== 0) throw cannotWrite(host, folder, result.stderr.toString("utf8").trim() || `exit code ${result.exitCode}`);
  stored.script = { nonce, file };
  return execLine(link, host, commandLine(sudo, file), nonce, sudo, options, connectAgain);
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

async function execLine(
  link: SshLink,
  host: string,
  line: string,
  nonce: string,
  sudo: boolean,
  options: ExecOptions,
  connectAgain: ConnectAgain | undefined,
): Promise<ExecResult> {
  const follow = (channel: ClientChannel) => followChannel(link, host, channel, nonce, sudo, options, connectAgain);
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
  options: ExecOptions,
  connectAgain: ConnectAgain | undefined,
): Promise<ExecResult> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    // Stopped before it reported its group: it is ended as soon as it does.
    const onGroup = (group: number) => {
      if (stopping) endGroup(link, group, sudo, connectAgain).catch(() => {});
    };
    const stdout = new MarkedStream(nonce, () => {}, new OutputStream(options.onLine, options.kept), options);
    const stderr = new MarkedStream(nonce, onGroup, new OutputStream(options.onLine, options.kept));
    let fault: Error | undefined;
    let exit: { readonly code: number | null; readonly signal: string | undefined } | undefined;
    let timedOut = false;
    let stopping = false;
    // Until there is room; what was not taken before the command was stopped is thrown away.
    let held = false;
    const wait = () => {
      const room = stopping ? undefined : options.room?.();
      if (room === undefined || held) return;
      held = true;
      channel.pause();
      channel.stderr.pause();
      void room.then(() => {
        if (stopping) return;
        held = false;
        channel.resume();
        channel.stderr.resume();
      });
    };
    let lastWait: NodeJS.Timeout | undefined;

    const settle = () => {
      clearTimeout(timer);
      clearTimeout(lastWait);
      options.signal?.removeEventListener("abort", stop);
      stdout.end();
      stderr.end();
      if (options.input instanceof Readable) options.input.destroy();
      if (fault !== undefined) return reject(fault);
      if (options.signal?.aborted) return reject(options.signal.reason);
      // An exit code may come before the last output: with a broken connection it says nothing.
      if (!timedOut && (exit === undefined || !link.isOpen())) return reject(connectionLost(host, options.title, link.fault()));
      if (stderr.group === undefined && !timedOut) {
        const said =
          [stderr.before(), stdout.before()].filter(Boolean).join("; ") || `no reason was given, exit code ${exit?.code ?? exit?.signal}`;
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
      if (held) {
        channel.resume();
        channel.stderr.resume();
      }
      if (stderr.group !== undefined) onGroup(stderr.group);
      // Something that left the process group may hold the outputs open for ever.
      lastWait = setTimeout(
        () => {
          channel.close();
          settle();
        },
        options.signal?.aborted === true ? PATIENCE_MS : GRACE_MS,
      );
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeoutMs ?? 60_000);
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener("abort", stop, { once: true });

    const moved = () => options.patient === true && timer.refresh();
    const failWith = (error: Error) => {
      fault ??= error;
      stop();
    };
    channel.on("data", (chunk: Buffer) => {
      moved();
      if (stopping && held) return;
      // Where the file grows slower than the network brings it, sshd is held back.
      const goesOn = stdout.push(chunk);
      // At once: no more may come after what is one byte too much.
      if (stdout.tooLong) return failWith(tooMuchOutput(host, options.title, options.longestBytes ?? LONGEST_OUTPUT));
      if (goesOn) return wait();
      channel.pause();
      options.output?.once("drain", () => channel.resume());
    });
    options.output?.on("error", failWith);
    channel.stderr.on("data", (chunk: Buffer) => {
      if (stopping && held) return;
      stderr.push(chunk);
      if (stderr.tooLong) return failWith(tooMuchOutput(host, options.title, LONGEST_OUTPUT));
      wait();
    });
    channel.on("exit", (code: number | null, signal?: string) => {
      exit = { code, signal: signal === undefined ? undefined : `SIG${signal.replace(/^SIG/, "")}` };
    });
    // A command may end without reading all of its input; that is not a fault.
    channel.on("error", () => {});
    channel.once("close", settle);
    if (options.input instanceof Readable) {
      let sent = 0;
      // Listened to in the same turn as it is piped: the first listener lets it flow.
      const count = (chunk: Buffer) => {
        moved();
        sent += chunk.length;
        options.onSent?.(sent);
      };
      options.input.on("data", count).on("error", failWith).pipe(channel);
    } else channel.end(options.input ?? "");
  });
}

/** Where the server grants no second session (MaxSessions 1; that of the command is taken until its process has ended) a connection of its own ends it. */
async function endGroup(link: SshLink, group: number, sudo: boolean, connectAgain: ConnectAgain | undefined): Promise<void> {
  // Where the connection has ended meanwhile the command is reported as lost.
  if ((await killGroup(link, group, sudo)) || !link.isOpen() || connectAgain === undefined) return;
  const other = await connectAgain();
  try {
    await killGroup(other, group, sudo);
  } finally {
    await other.close();
  }
}

/**
 * Ends a process group on the other side: first politely, two seconds later by force. Its own channel is one of those that the limit leaves free.
 *
 * @returns whether there was a session for it, when it has ended
 */
function killGroup(link: SshLink, group: number, sudo: boolean): Promise<boolean> {
  const script = sh`kill -s TERM -- -${group}; n=0
while kill -s 0 -- -${group} 2> /dev/null && [ $n -lt 20 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL -- -${group}`;
  const discard = (channel: ClientChannel) => {
    channel.on("error", () => {}).resume();
    channel.stderr.resume();
    channel.end();
    return new Promise<void>((resolve) => channel.once("close", resolve));
  };
  return openExec(link, commandLine(sudo, "-c", script), discard).then(
    ({ used }) => used.then(() => true),
    () => false,
  );
}

/** The most that start-up files and sudo say before the script, in bytes. */
const LONGEST_HEAD = 1 << 20;

/** An output whose first lines are not the script's. */
class MarkedStream {
  /** The process group of the script; undefined while the marker has not come. */
  group: number | undefined;
  private head: Buffer = Buffer.alloc(0);
  private readonly output: OutputStream;
  private readonly target: Writable | undefined;
  private readonly longestBytes: number;
  private taken = 0;
  private readonly marker: Buffer;
  private readonly onGroup: (group: number) => void;

  /** @param target takes the bytes instead of `output` */
  constructor(
    marker: string,
    onGroup: (group: number) => void,
    output: OutputStream,
    { output: target, longestBytes = Number.POSITIVE_INFINITY }: Pick<ExecOptions, "output" | "longestBytes"> = {},
  ) {
    this.marker = Buffer.from(marker);
    this.onGroup = onGroup;
    this.output = output;
    this.target = target;
    this.longestBytes = longestBytes;
  }

  /** @returns false where the target asks for a pause, until its `drain` */
  push(chunk: Buffer): boolean {
    if (this.group !== undefined) return this.take(chunk);
    this.head = Buffer.concat([this.head, chunk]);
    if (this.tooLong) return true;
    const start = this.head.indexOf(this.marker);
    const end = start === -1 ? -1 : this.head.indexOf("\n", start);
    if (end === -1) return true;
    this.group = Number(this.head.toString("latin1", start + this.marker.length, end));
    const rest = this.head.subarray(end + 1);
    this.head = Buffer.alloc(0);
    this.onGroup(this.group);
    return rest.length === 0 || this.take(rest);
  }

  /** What comes does not end, or is not the script's. */
  get tooLong(): boolean {
    return this.group === undefined ? this.head.length > LONGEST_HEAD : this.output.tooLong || this.taken > this.longestBytes;
  }

  private take(chunk: Buffer): boolean {
    this.taken += chunk.length;
    if (this.target !== undefined) return this.tooLong || this.target.write(chunk);
    this.output.push(chunk);
    return true;
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
