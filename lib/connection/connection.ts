import type { Duplex } from "node:stream";
import type { Kept } from "./output.ts";

/** What a command gave. A failed command has the same shape as a successful one. */
export interface CommandResult {
  readonly host: string;
  /** Short name of what was run, for messages; never the script itself, which may hold a secret on its standard input. */
  readonly title: string;
  /** Exit code; null when a signal or the time-out ended it. A lost connection gives no result at all: `run` rejects. */
  readonly exitCode: number | null;
  /** For example `SIGKILL`. */
  readonly signal: string | undefined;
  /** UTF-8; what shell start-up files or sudo print before the script is left out. */
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

export interface RunOptions {
  /** For messages, for example `make`. */
  readonly title: string;
  /** Bytes for standard input. Secrets travel here, never in the script. @default empty */
  readonly input?: string | Buffer | undefined;
  /** Longest run, in milliseconds; then the process group gets SIGTERM and, two seconds later, SIGKILL. @default 60000 */
  readonly timeoutMs?: number | undefined;
  /** Run as root: through `sudo -n` where the login user is not root. A local connection ignores it: there everything is the caller's. @default false */
  readonly root?: boolean;
  /** Called with each line of both outputs as it comes, without its line break. */
  readonly onLine?: (line: string) => void;
  /** Asked after lines were handed out: while it gives a promise, no more is read, and the command waits. @default there is always room */
  readonly room?: (() => Promise<void> | undefined) | undefined;
  /**
   * What of its outputs is in the result: all, of which more than 64 MiB ends the command (`connection.too-much-output`), or the last 64 KiB of each, for what `onLine` takes and does not end.
   *
   * @default "all"
   */
  readonly kept?: Kept | undefined;
  /** Ends the command as the time-out does; `run` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Needs nothing of the host's network, and does not run in it where the host is a namespace of this computer: there this user is root, whom `tar` and `make` take for more than it is. @default false */
  readonly outside?: boolean | undefined;
  /** It changes nothing, so the interruption of the run ends it, without being named as `signal`. @default false */
  readonly look?: boolean | undefined;
}

export interface WriteOptions {
  /** Permission bits, for example 0o640. */
  readonly mode: number;
  /** `user:group`. @default the user that writes (root on a managed host) */
  readonly owner?: string;
}

/** How a probe of a TCP port ended. */
export type ProbeResult = "open" | "refused" | "timeout" | "unreachable" | "forbidden";

/**
 * One host, reached. Scripts are POSIX sh and arrive as one argument of `sh -c`; values are put into them with `sh\`…\`` of quote.ts and nowhere else.
 * A connection knows the interruption of the run (`signal` where it is opened). After it, dials, probes and a host that is silent are given up within `PATIENCE_MS` (base/patience.ts): `connection.given-up`.
 * A script starts with LC_ALL=C and with the sbin folders on its PATH, and knows nothing else of the caller's environment. All methods reject with LabError `connection.*` when the connection itself fails; a command that exits non-zero is a result, not an error.
 */
export interface Connection {
  readonly host: string;
  run(script: string, options: RunOptions): Promise<CommandResult>;
  /** The file's bytes, read as root; undefined when there is none. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** Writes atomically, as root: a temporary file in the same folder with owner and mode set, flushed, then renamed. A symbolic link is replaced, not followed. */
  writeFile(path: string, content: string | Buffer, options: WriteOptions): Promise<void>;
  /** Copies a local file to the host, as `writeFile` does; no SFTP is needed. `onBytes` is called with the running total. */
  upload(
    localPath: string,
    path: string,
    options: WriteOptions & { readonly onBytes?: (sent: number, total: number) => void },
  ): Promise<void>;
  /** Copies a file of the host here, read as root, atomically; mode 0600. @param longestBytes the most that another computer may send. @default 1 GiB */
  download(path: string, localPath: string, longestBytes?: number): Promise<void>;
  /** A TCP stream from the host's side: direct on this computer, forwarded through SSH elsewhere. Rejects when the port is closed, and on this computer when another user serves it. @default 10000 ms */
  dial(address: string, port: number, timeoutMs?: number): Promise<Duplex>;
  /** Whether a TCP port can be reached from the host. Never rejects for a closed port, but does where this computer has no descriptor left (`connection.open-files`). @default 10000 ms */
  probe(address: string, port: number, timeoutMs?: number): Promise<ProbeResult>;
  close(): Promise<void>;
}
