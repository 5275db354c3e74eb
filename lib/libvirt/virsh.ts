import { keptOf, runProgram } from "../base/process.ts";
import {
  authenticationRefused,
  connectionLost,
  hypervisorSilent,
  noConnection,
  noLibvirtd,
  noPermission,
  noSshToHypervisor,
  noVirsh,
  virshFailed,
} from "./errors.ts";
import { connectUri } from "./uri.ts";

export interface VirshOptions {
  /** Longest run, in milliseconds. @default 30000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What virsh gave. That something does not exist or was refused by libvirt is a result; that libvirt could not be asked is an error. */
export interface VirshResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** libvirt's own words, without `error: `. */
  readonly message: string;
}

/** What virsh and its ssh get of our environment: no password that came by environment, and nothing that changes the language of messages. */
const ENVIRONMENT = [
  "HOME",
  "USER",
  "LOGNAME",
  "PATH",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "SSH_AUTH_SOCK",
  "KRB5CCNAME",
  "LIBVIRT_AUTH_FILE",
];

export function virshEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...keptOf(environment, ENVIRONMENT), LC_ALL: "C" };
}

/**
 * Runs one virsh command on a hypervisor, without a shell: every argument arrives as it is.
 *
 * @throws LabError `libvirt.no-virsh`, `.no-libvirtd`, `.no-permission`, `.no-ssh`, `.no-connection`, `.connection-lost`, `.time-out`, `.virsh-not-started`: the hypervisor could not be asked
 */
export async function virsh(uri: string, args: readonly string[], options: VirshOptions = {}): Promise<VirshResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const run = await runProgram("virsh", ["-q", "-c", connectUri(uri), ...args], {
    environment: virshEnvironment(),
    timeoutMs,
    signal: options.signal,
  });
  if (run.failure !== undefined) throw noVirsh(run.failure);
  if (run.timedOut) throw hypervisorSilent(uri, args[0] ?? "virsh", timeoutMs);
  const message = messageIn(run.stderr);
  const failure = connectionFailure(message);
  if (failure !== undefined) throw connectionError(uri, failure);
  return { ok: run.exitCode === 0, stdout: run.stdout, message };
}

/**
 * The same for a command that must succeed; resolves to its standard output.
 *
 * @throws LabError those of `virsh`, and `libvirt.command-failed`
 */
export async function virshOutput(uri: string, args: readonly string[], options: VirshOptions = {}): Promise<string> {
  const result = await virsh(uri, args, options);
  if (!result.ok) throw virshFailed(uri, args, result.message);
  return result.stdout;
}

/** A word that virsh's own command line, in which `;` and quotes have a meaning, takes as it is. */
const PLAIN_WORD = /^[A-Za-z0-9_.,/:=@%+-]+$/;

/**
 * Runs several commands over one connection: what a remote hypervisor answers in a second each, it answers in a second together. Their outputs come in order; those that fail
 * add nothing, and the result is `ok` only if the last one was.
 *
 * @throws LabError those of `virsh`
 * @throws RangeError for a word that would need quotes
 */
export async function virshBatch(uri: string, commands: readonly (readonly string[])[], options: VirshOptions = {}): Promise<VirshResult> {
  const odd = commands.flat().find((word) => !PLAIN_WORD.test(word));
  if (odd !== undefined) throw new RangeError(`${JSON.stringify(odd)} would need quotes`);
  if (commands.length === 0) return { ok: true, stdout: "", message: "" };
  return virsh(uri, [commands.map((command) => command.join(" ")).join("; ")], options);
}

/** A name that may stand in `virshBatch`. */
export function isPlainName(name: string): boolean {
  return PLAIN_WORD.test(name) && !name.startsWith("-");
}

/** `error: a\nerror: b\n` → `a\nb`. What the library logs itself begins with a time, and is left out. */
export function messageIn(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => !/^\d{4}-\d{2}-\d{2} \S+: \d+: \w+ : /.test(line))
    .map((line) => line.replace(/^error:\s*/, "").trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}

const CLOSED = /^(internal error: )?client socket is closed$/;

/** Why there is no connection, or none any more, in libvirt's words; undefined when there was one. */
export function connectionFailure(message: string): string | undefined {
  const lines = message.split("\n");
  const first = lines.indexOf("failed to connect to the hypervisor");
  // libvirt may see the end of its ssh before it reads what ssh said: that is not a connection that was lost.
  if (first >= 0 && CLOSED.test(lines[first + 1] ?? "")) return `${lines[first]}: ${lines[first + 1]}`;
  if (first >= 0) return lines.slice(first + 1).join("\n") || lines[first];
  return lines.find((line) => /^Disconnected from .* due to |client socket is closed$|^End of file while reading data/.test(line));
}

/** Names the cause by the words of libvirt 9 and of OpenSSH, whose messages it passes on; all of them were seen for real. */
export function connectionError(uri: string, failure: string): Error {
  if (/authentication (unavailable|failed|cancelled): |Failed to connect socket to '[^']+': Permission denied/.test(failure)) {
    return /polkit|policy|Permission denied|cancelled/.test(failure) ? noPermission(uri, failure) : authenticationRefused(uri, failure);
  }
  if (/^Disconnected from /.test(failure) || CLOSED.test(failure)) return connectionLost(uri, failure);
  if (/Failed to connect socket to '[^']+': (No such file or directory|Connection refused)/.test(failure)) return noLibvirtd(uri, failure);
  if (/^qemu\+ssh:/.test(uri) || /\bssh: |Host key verification failed|Permission denied \(/.test(failure)) {
    return noSshToHypervisor(uri, failure);
  }
  return noConnection(uri, failure);
}
