import { isLabError, LabError } from "../base/error.ts";
import type { StartFailure } from "../base/process.ts";
import { megabytes } from "../base/text.ts";
import type { AlgorithmLists } from "./ssh-algorithms.ts";

// The catalogue of this room. No factory takes a script, the input of a command or the contents of a key, so that none can show one.

export function nulInShellWord(): LabError {
  return new LabError({
    code: "connection.nul",
    kind: "refused",
    what: "A value for a shell script holds a NUL character.",
    why: "No argument of a Unix command can hold one: the value would be cut off there.",
    next: "Remove the NUL character from the lab's definition or from the file that the value comes from.",
  });
}

export function cannotStart(host: string, title: string, failure: StartFailure): LabError {
  return new LabError({
    code: "connection.cannot-start",
    kind: "environment",
    what: `${host}: ${title} could not be started: ${failure.text}.`,
    next: "Check that `sh` is on the PATH and that this user may start more processes (`ulimit -u`).",
    cause: failure.cause,
  });
}

/** Reasons of a failed file operation by `errno` name, and what to do about each. */
const FILE_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "Free some space there (`df -h`), then run the same command again.",
  EDQUOT: "The quota is used up: free some space (`quota`), then run the same command again.",
  EACCES: "Check owner and mode of the file and of the folders above it (`namei -l PATH`).",
  EPERM: "Check owner, mode and attributes of the file (`namei -l PATH`, `lsattr PATH`).",
  EROFS: "The file system is mounted read-only: see `dmesg` on that host for the reason.",
  ENOENT: "The folder does not exist: run `redis-lab up LAB`, which makes it.",
};

export function cannotRead(host: string, path: string, detail: string, errno?: string, cause?: unknown): LabError {
  return new LabError({
    code: "connection.read-failed",
    kind: "environment",
    what: `${host}: cannot read ${path}: ${detail}.`,
    next: FILE_ADVICE[errno ?? ""] ?? "Check the file on that host, then run the same command again.",
    cause,
  });
}

export function cannotWrite(host: string, path: string, detail: string, errno?: string, cause?: unknown): LabError {
  return new LabError({
    code: "connection.write-failed",
    kind: "environment",
    what: `${host}: cannot write ${path}: ${detail}.`,
    why: "The file is as it was: new contents replace it only when they are complete.",
    next: FILE_ADVICE[errno ?? ""] ?? "Check the file on that host, then run the same command again.",
    cause,
  });
}

export function closedConnection(host: string): LabError {
  return new LabError({
    code: "connection.closed",
    kind: "defect",
    what: `${host}: the connection was closed by redis-lab itself before this command.`,
    next: "Run the same command again; if it comes back, it is a defect of redis-lab.",
  });
}

/** What was silent after an interruption. `target` is `ADDRESS:PORT`, or a login with its way. */
export function givenUp(host: string, target: string): LabError {
  return new LabError({
    code: "connection.given-up",
    kind: "interrupted",
    what: `${host}: ${target} did not answer any more after the interruption.`,
    why: "It is off, very busy, or cut off from here. How what was under way ended there is not known.",
    next: "Run the same command again: it looks at what is there and continues.",
  });
}

/** EMFILE or ENFILE: nothing was learned of the host that was to be reached. */
export function tooManyOpenFiles(cause: unknown): LabError {
  return new LabError({
    code: "connection.open-files",
    kind: "environment",
    what: "This computer has no file descriptor left for a further connection.",
    why: "Each connection and each command takes some, up to the limit of open files of this process (EMFILE) or of the whole computer (ENFILE).",
    next: "Raise the limit and run the same command again: `ulimit -n 4096`; for the whole computer: sysctl fs.file-max.",
    cause,
  });
}

/** A TCP port that could not be opened from the host's side. `reason` is a ProbeResult other than "open". */
export function cannotDial(host: string, target: string, reason: string, cause?: unknown): LabError {
  const texts: Readonly<Record<string, readonly [string, string]>> = {
    refused: ["nothing listens there", `See what runs on the host: \`redis-lab status LAB\`.`],
    timeout: ["no answer in time", "Check the firewall on the way and that the host is up."],
    unreachable: ["there is no route to it", "Check the address in the lab's definition and the network of the host."],
    forbidden: [
      "the SSH server forbids TCP forwarding",
      "Set `AllowTcpForwarding yes` (and no PermitOpen that leaves it out) in that host's sshd_config and restart sshd.",
    ],
  };
  const [text, next] = texts[reason] ?? [reason, "Check the port on that host."];
  return new LabError({
    code: `connection.dial-${reason}`,
    kind: "environment",
    what: `${host}: cannot connect to ${target}: ${text}.`,
    next,
    cause,
  });
}

// Who has the other end, on this computer. `target` is `ADDRESS:PORT`; nothing was sent to it.

const NOTHING_SENT =
  "The first word to a server is the password of the lab, which every process that listens there would learn. Nothing was sent.";

/** The next command, for the user who can look at the process and for the one who can't. */
function endStranger(target: string): string {
  const port = target.slice(target.lastIndexOf(":") + 1);
  return `See what it is: sudo ss -ltnp 'sport = :${port}'. End it, or give the lab another \`network.loopback\`; then: redis-lab up LAB. If the lab was started as that user, run redis-lab as that user.`;
}

export function notOurs(target: string, uid: number): LabError {
  return new LabError({
    code: "connection.not-ours",
    kind: "refused",
    what: `not ours: uid ${uid} listens on ${target}.`,
    why: NOTHING_SENT,
    next: endStranger(target),
  });
}

/** The address leads out of this computer, or into a container. */
export function notOursElsewhere(target: string): LabError {
  return new LabError({
    code: "connection.not-ours",
    kind: "refused",
    what: `not ours: no process of this computer serves ${target}.`,
    why: NOTHING_SENT,
    next: "The instances of a local lab are processes of this computer. See who named that address: `redis-lab status LAB`.",
  });
}

export function endedAtOnce(host: string, target: string, cause?: unknown): LabError {
  return new LabError({
    code: "connection.dial-refused",
    kind: "environment",
    what: `${host}: ${target} ended the connection at once.`,
    next: `See what runs on the host: \`redis-lab status LAB\`.`,
    cause,
  });
}

export function ownerUnreadable(file: string, cause: unknown): LabError {
  return new LabError({
    code: "connection.owner-unreadable",
    kind: "environment",
    what: `Whose processes listen on this computer is not known: ${file} can't be read.`,
    why: NOTHING_SENT,
    next: "Mount /proc with its folder net (in a container: without a mask on it), then run the same command again.",
    cause,
  });
}

/** A program that was pointed at a server of another user. */
export function servedByStranger(target: string, uid: number): LabError {
  return new LabError({
    code: "connection.of-a-stranger",
    kind: "refused",
    what: `${target} is not ours: uid ${uid} listens there, another user of this computer.`,
    why: "It would learn the password that was given. Nothing was sent.",
    next: `If that user's server is meant, run the command as that user: sudo -u '#${uid}' COMMAND. Otherwise see what it is: sudo ss -ltnp 'sport = :${target.slice(target.lastIndexOf(":") + 1)}'`,
  });
}

// Over SSH. `where` is `user@host:port`, with the jump host where there is one.

export type ConnectFailure = "refused" | "timeout" | "unreachable" | "forbidden" | "dropped" | "no-handshake";

const CONNECT_TEXTS: Readonly<Record<ConnectFailure, readonly [string, string, string]>> = {
  refused: [
    "connection refused",
    "Nothing listens on that port.",
    "Check that sshd runs on the host and that `ssh.port` of the lab is its port.",
  ],
  timeout: [
    "no answer",
    "The host is off, or a firewall drops what we send.",
    "Check that the host is up (`ping`), its address in the lab and the firewall on the way.",
  ],
  unreachable: [
    "unreachable",
    "There is no route to it, or its name has no address.",
    "Check `address` or `ssh.host` of the lab and the network of this computer.",
  ],
  forbidden: [
    "the jump host forbids TCP forwarding",
    "Its sshd answered that it is administratively prohibited.",
    "Set `AllowTcpForwarding yes` in the jump host's sshd_config and restart sshd there.",
  ],
  dropped: [
    "the server closed the connection before the login",
    "It may be starting or stopping, or refuse many logins at once (MaxStartups).",
    "Run the same command again; if it stays, see the host's own log: `journalctl -u sshd`.",
  ],
  "no-handshake": [
    "no SSH handshake",
    "What listens there is no SSH server, it hangs, or both sides share no algorithm.",
    "Check `ssh.port` of the lab, and try `ssh -v` with the same address.",
  ],
};

/** The host could not be reached. Codes: `connection.refused`, `.timeout`, `.unreachable`, `.forbidden`, `.dropped`, `.no-handshake`. */
export function cannotConnect(failure: ConnectFailure, host: string, where: string, cause?: unknown): LabError {
  const [what, why, next] = CONNECT_TEXTS[failure];
  const detail = cause instanceof Error && cause.message !== "" ? ` (${cause.message})` : "";
  return new LabError({
    code: `connection.${failure}`,
    kind: "environment",
    what: `${host}: cannot reach ${where}: ${what}${detail}.`,
    why,
    next,
    cause,
  });
}

/** Words of sshd_config, by what ssh2 calls a kind of algorithm. */
const SSHD_WORDS: readonly (readonly [kind: RegExp, word: string])[] = [
  [/key exchange/, "KexAlgorithms"],
  [/host key/, "HostKeyAlgorithms"],
  [/cipher/, "Ciphers"],
  [/MAC/, "MACs"],
];

export function noCommonAlgorithm(host: string, where: string, { kind, ours, theirs }: AlgorithmLists, cause: unknown): LabError {
  const word = SSHD_WORDS.find(([pattern]) => pattern.test(kind))?.[1] ?? "the algorithms";
  return new LabError({
    code: "connection.no-handshake",
    kind: "environment",
    what: `${host}: cannot reach ${where}: no common ${kind}. The server offers ${theirs}; redis-lab ${ours}.`,
    next: `Add one of ours to ${word} in that host's sshd_config, and restart sshd there.`,
    cause,
  });
}

/** Servers under FIPS know no ed25519 (OpenSSH of RHEL 7 to 9, run with its lists), and RHEL's policy FUTURE takes RSA from 3072 bits on. */
function notForFips(tried: readonly string[]): string {
  return tried.some((key) => / ssh-ed25519\)/.test(key))
    ? " A server in FIPS mode takes no ed25519 key, however it is authorised: it wants ECDSA, or RSA of 3072 bits."
    : "";
}

export function authenticationFailed(host: string, where: string, tried: readonly string[], detail: string): LabError {
  return new LabError({
    code: "connection.authentication-failed",
    kind: "environment",
    what: `${host}: ${where} accepted none of our keys: ${tried.join("; ")}.`,
    why: `${detail}.${notForFips(tried)}`,
    next: `Put the public key into ~/.ssh/authorized_keys of that user (\`ssh-copy-id -i KEY.pub ${where.split(" ")[0]}\`), or name another key as \`ssh.keyFile\` of the lab (of a jump host: \`ssh.jumpKeyFile\`).`,
  });
}

export function noKeys(host: string, tried: readonly string[]): LabError {
  return new LabError({
    code: "connection.no-keys",
    kind: "environment",
    what: `${host}: there is no SSH key to log in with. Looked at: ${tried.join("; ")}.`,
    next: "Load one into the SSH agent (`ssh-add`), or name one without a passphrase as `ssh.keyFile` of the lab (of a jump host: `ssh.jumpKeyFile`).",
  });
}

export function keyFileMissing(host: string, path: string, cause: unknown): LabError {
  return new LabError({
    code: "connection.key-file",
    kind: "environment",
    what: `${host}: cannot read the key file ${path}.`,
    next: "Check `ssh.keyFile` of the lab (of a jump host: `ssh.jumpKeyFile`, or `keyfile` of the hypervisor's URI) and that the file is readable for you.",
    cause,
  });
}

export function keyNeedsPassphrase(host: string, path: string): LabError {
  return new LabError({
    code: "connection.key-passphrase",
    kind: "environment",
    what: `${host}: the key file ${path} is protected by a passphrase, and no SSH agent runs.`,
    why: "redis-lab never asks for passphrases: several hosts are reached at once, often without a terminal.",
    next: `Start an agent and load the key: \`eval "$(ssh-agent)" && ssh-add ${path}\`.`,
  });
}

export function keyFileInvalid(host: string, path: string): LabError {
  return new LabError({
    code: "connection.key-invalid",
    kind: "environment",
    what: `${host}: ${path} is not a private key that can be read.`,
    why: "OpenSSH and PEM private keys (ed25519, ecdsa, rsa) are understood; a .pub file is only the public half.",
    next: "Name the private key as `ssh.keyFile` of the lab, or make one: `ssh-keygen -t ed25519`.",
  });
}

export function sshConfigFault(host: string, file: string, said: string): LabError {
  return new LabError({
    code: "connection.ssh-config",
    kind: "environment",
    what: `${host}: ssh can't read ${file}: ${said || "it gave no reason"}.`,
    next: `Put the file right (\`ssh -G HOST\` reads it), or have none read: \`configFile: "none"\` in \`ssh\` of the lab.`,
  });
}

export function sshConfigAbsent(host: string, file: string): LabError {
  return new LabError({
    code: "connection.ssh-config",
    kind: "environment",
    what: `${host}: there is no ${file}, which the lab names as \`ssh.configFile\`.`,
    next: "Name the file that is meant, or `none`.",
  });
}

export function sshProxyCommand(host: string, file: string, name: string): LabError {
  return new LabError({
    code: "connection.proxy-command",
    kind: "refused",
    what: `${host}: ${file} reaches ${name} by a ProxyCommand, and redis-lab runs none.`,
    why: "What is reached without it may be another computer.",
    next: `Say ProxyJump there, or the jump host as \`ssh.jump\` of the lab; \`configFile: "none"\` in \`ssh\` goes without the file, and \`jump: "none"\` directly.`,
  });
}

/** `names`: the jump hosts, the first one first. */
export function sshJumpLoop(host: string, names: readonly string[]): LabError {
  return new LabError({
    code: "connection.jump-loop",
    kind: "refused",
    what: `${host}: the way over jump hosts does not end: ${names.join(", ")}.`,
    why: "ProxyJump of the ssh configuration leads from one to the next, and back.",
    next: 'Put the file right, or declare the way as `ssh.jump` of the lab (`"none"`: directly).',
  });
}

export function connectionLost(host: string, doing: string, cause?: unknown): LabError {
  if (isLabError(cause) && cause.kind === "interrupted") return cause;
  const detail = cause instanceof Error && cause.message !== "" ? ` (${cause.message})` : "";
  return new LabError({
    code: "connection.lost",
    kind: "environment",
    what: `${host}: the connection was lost during: ${doing}${detail}.`,
    why: "How it ended on the host is not known.",
    next: "Run the same command again: it looks at what is there and continues.",
    cause,
  });
}

export function sudoRefused(host: string, user: string, detail: string): LabError {
  const tty = detail.includes("must have a tty");
  return new LabError({
    code: "connection.sudo",
    kind: "environment",
    what: `${host}: ${user} may not run commands as root: ${detail}.`,
    why: tty
      ? "`Defaults requiretty` in its sudoers wants a terminal, and redis-lab has none."
      : "redis-lab uses `sudo -n`, which never asks for a password.",
    next: `As root on that host: printf '%s\\n' '${user} ALL=(root) NOPASSWD: ALL' 'Defaults:${user} !requiretty' > /etc/sudoers.d/redis-lab && chmod 440 /etc/sudoers.d/redis-lab && visudo -c`,
  });
}

export function noShell(host: string, user: string, detail: string): LabError {
  return new LabError({
    code: "connection.no-shell",
    kind: "environment",
    what: `${host}: the login shell of ${user} did not run \`sh\`: ${detail}.`,
    why: "The account may have no login shell, a forced command, or a shell start-up file that ends the session.",
    next: `Try \`ssh\` with the same user and \`sh -c 'echo ok'\`, and name a user with a POSIX login shell as \`ssh.user\`.`,
  });
}

/** @param longest how much it may be, in bytes */
export function tooMuchOutput(host: string, title: string, longest: number): LabError {
  return new LabError({
    code: "connection.too-much-output",
    kind: "environment",
    what: `${host}: ${title} wrote more than ${megabytes(longest, 0)}, and was ended.`,
    why: "It would fill this computer, and no answer that is looked for is so long.",
    next: `Look what the host says there: \`redis-lab ssh LAB ${host}\`. For the output of a command of yours write it to a file there, or leave out --json.`,
  });
}

export function noChannel(host: string, doing: string, cause: Error): LabError {
  return new LabError({
    code: "connection.no-session",
    kind: "environment",
    what: `${host}: the SSH server opened no session for ${doing}: ${cause.message}.`,
    why: "No other session was open on this connection, so the server grants none at all.",
    next: "Check MaxSessions and ForceCommand in that host's sshd_config.",
    cause,
  });
}
