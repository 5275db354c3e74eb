import { shellQuote } from "../connection/quote.ts";
import { type SshPlace, sshOf } from "../lab/inventory.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";

/** A program to run in place of redis-lab: the user's own ssh client, or a shell in the folder of a host of this computer. */
export interface ShellCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** @default the current folder */
  readonly folder?: string;
  /** Put before PATH. */
  readonly path?: string;
}

/**
 * How to get a shell on a host, or to run words there. The lab's known_hosts is used, so the host key that redis-lab pinned is the one that counts. The words are
 * joined with blanks by ssh itself, as its users know it.
 */
export function shellCommand(
  placement: Placement,
  host: PlacedHost,
  words: readonly string[],
  options: { readonly knownHostsFile: string; readonly shell: string },
): ShellCommand {
  if (placement.capabilities.connection === "local") {
    return {
      file: options.shell,
      args: words.length === 0 ? [] : ["-c", words.join(" ")],
      folder: host.paths.prefix,
      path: host.paths.bin,
    };
  }
  const ssh = sshOf(host);
  const pins = ["-o", `UserKnownHostsFile="${options.knownHostsFile}"`, "-o", "StrictHostKeyChecking=accept-new"];
  return {
    file: "ssh",
    args: [
      ...["-p", String(ssh.port), "-l", ssh.user],
      ...pins,
      ...withKey(ssh.keyFile),
      ...(ssh.jump === undefined ? [] : ["-o", `ProxyCommand=${throughJump(ssh.jump, pins)}`]),
      ssh.host,
      ...words,
    ],
  };
}

function withKey(keyFile: string | undefined): readonly string[] {
  return keyFile === undefined ? [] : ["-i", keyFile, "-o", "IdentitiesOnly=yes"];
}

/** Not `-J`: the ssh that it starts would have neither the key nor the pins. A `%` is ssh's own, and doubled to be a plain one (ssh_config(5), TOKENS). */
function throughJump({ host, port, user, keyFile }: SshPlace, pins: readonly string[]): string {
  const words = ["ssh", "-p", String(port), "-l", user, ...pins, ...withKey(keyFile)].map((word) => shellQuote(word).replaceAll("%", "%%"));
  return [...words, "-W", "'[%h]:%p'", host].join(" ");
}
