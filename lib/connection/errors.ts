import { LabError } from "../error.ts";

// The catalogue of this room. No factory takes a script, the input of a command or the contents of a key, so that none can show one.

export function nulInShellWord(): LabError {
  return new LabError({
    code: "connection.nul",
    what: "A value for a shell script holds a NUL character.",
    why: "No argument of a Unix command can hold one: the value would be cut off there.",
    next: "Remove the NUL character from the lab's definition or from the file that the value comes from.",
  });
}

export function cannotStart(host: string, title: string, cause: Error): LabError {
  return new LabError({
    code: "connection.cannot-start",
    what: `${host}: ${title} could not be started: ${cause.message}.`,
    next: "Check that `sh` is on the PATH and that this user may start more processes (`ulimit -u`).",
    cause,
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
    what: `${host}: cannot read ${path}: ${detail}.`,
    next: FILE_ADVICE[errno ?? ""] ?? "Check the file on that host, then run the same command again.",
    cause,
  });
}

export function cannotWrite(host: string, path: string, detail: string, errno?: string, cause?: unknown): LabError {
  return new LabError({
    code: "connection.write-failed",
    what: `${host}: cannot write ${path}: ${detail}.`,
    why: "The file is as it was: new contents replace it only when they are complete.",
    next: FILE_ADVICE[errno ?? ""] ?? "Check the file on that host, then run the same command again.",
    cause,
  });
}

export function closedConnection(host: string): LabError {
  return new LabError({
    code: "connection.closed",
    what: `${host}: the connection was closed by redis-lab itself before this command.`,
    next: "Run the same command again; if it comes back, it is a defect of redis-lab.",
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
  return new LabError({ code: `connection.dial-${reason}`, what: `${host}: cannot connect to ${target}: ${text}.`, next, cause });
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
  return new LabError({ code: `connection.${failure}`, what: `${host}: cannot reach ${where}: ${what}${detail}.`, why, next, cause });
}

export function authenticationFailed(host: string, where: string, tried: readonly string[], detail: string): LabError {
  return new LabError({
    code: "connection.authentication-failed",
    what: `${host}: ${where} accepted none of our keys: ${tried.join("; ")}.`,
    why: `${detail}.`,
    next: `Put the public key into ~/.ssh/authorized_keys of that user (\`ssh-copy-id -i KEY.pub ${where.split(" ")[0]}\`), or name another key as \`ssh.keyFile\` of the lab (of a jump host: \`ssh.jumpKeyFile\`).`,
  });
}

export function noKeys(host: string, tried: readonly string[]): LabError {
  return new LabError({
    code: "connection.no-keys",
    what: `${host}: there is no SSH key to log in with. Looked at: ${tried.join("; ")}.`,
    next: "Load one into the SSH agent (`ssh-add`), or name one without a passphrase as `ssh.keyFile` of the lab (of a jump host: `ssh.jumpKeyFile`).",
  });
}

export function keyFileMissing(host: string, path: string, cause: unknown): LabError {
  return new LabError({
    code: "connection.key-file",
    what: `${host}: cannot read the key file ${path}.`,
    next: "Check `ssh.keyFile` of the lab (of a jump host: `ssh.jumpKeyFile`, or `keyfile` of the hypervisor's URI) and that the file is readable for you.",
    cause,
  });
}

export function keyNeedsPassphrase(host: string, path: string): LabError {
  return new LabError({
    code: "connection.key-passphrase",
    what: `${host}: the key file ${path} is protected by a passphrase, and no SSH agent runs.`,
    why: "redis-lab never asks for passphrases: several hosts are reached at once, often without a terminal.",
    next: `Start an agent and load the key: \`eval "$(ssh-agent)" && ssh-add ${path}\`.`,
  });
}

export function keyFileInvalid(host: string, path: string): LabError {
  return new LabError({
    code: "connection.key-invalid",
    what: `${host}: ${path} is not a private key that can be read.`,
    why: "OpenSSH and PEM private keys (ed25519, ecdsa, rsa) are understood; a .pub file is only the public half.",
    next: "Name the private key as `ssh.keyFile` of the lab, or make one: `ssh-keygen -t ed25519`.",
  });
}

export function hostKeyChanged(props: {
  readonly host: string;
  readonly name: string;
  readonly file: string;
  readonly pinned: readonly string[];
  readonly presented: string;
}): LabError {
  return new LabError({
    code: "connection.host-key-changed",
    what: `${props.host}: the SSH host key of ${props.name} is not the pinned one. Pinned: ${props.pinned.join(", ")}; presented now: ${props.presented}; pins: ${props.file}.`,
    why: "The host was installed again, another host has its address now, or somebody stands in between.",
    next: `If you know that the host was installed again, drop the pin: ssh-keygen -R '${props.name}' -f '${props.file}'`,
  });
}

export function connectionLost(host: string, doing: string, cause?: unknown): LabError {
  const detail = cause instanceof Error && cause.message !== "" ? ` (${cause.message})` : "";
  return new LabError({
    code: "connection.lost",
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
    what: `${host}: ${user} may not run commands as root: ${detail || "sudo gave no reason"}.`,
    why: tty
      ? "`Defaults requiretty` in its sudoers wants a terminal, and redis-lab has none."
      : "redis-lab uses `sudo -n`, which never asks for a password.",
    next: `As root on that host: printf '%s\\n' '${user} ALL=(root) NOPASSWD: ALL' 'Defaults:${user} !requiretty' > /etc/sudoers.d/redis-lab && chmod 440 /etc/sudoers.d/redis-lab && visudo -c`,
  });
}

export function noShell(host: string, user: string, detail: string): LabError {
  return new LabError({
    code: "connection.no-shell",
    what: `${host}: the login shell of ${user} did not run \`sh\`: ${detail || "no reason given"}.`,
    why: "The account may have no login shell, a forced command, or a shell start-up file that ends the session.",
    next: `Try \`ssh\` with the same user and \`sh -c 'echo ok'\`, and name a user with a POSIX login shell as \`ssh.user\`.`,
  });
}

export function noChannel(host: string, doing: string, cause: Error): LabError {
  return new LabError({
    code: "connection.no-session",
    what: `${host}: the SSH server opened no session for ${doing}: ${cause.message}.`,
    why: "redis-lab opens at most 10 sessions on a connection, the default of sshd's MaxSessions.",
    next: "Check MaxSessions and ForceCommand in that host's sshd_config.",
    cause,
  });
}

export function noSftp(host: string, cause: Error): LabError {
  return new LabError({
    code: "connection.no-sftp",
    what: `${host}: the SSH server offers no SFTP: ${cause.message}.`,
    next: "Put `Subsystem sftp internal-sftp` into that host's sshd_config and restart sshd.",
    cause,
  });
}
