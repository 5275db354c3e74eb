import { dirname } from "node:path";
import { makeFolder } from "../base/atomic.ts";
import { KnownHosts } from "../connection/known-hosts.ts";
import { knownHostName } from "../connection/known-hosts-line.ts";
import { shellQuote } from "../connection/quote.ts";
import type { SshEndpoint } from "../connection/ssh-endpoint.ts";
import { isOwnMachine, type PlacedHost, type Placement } from "../lab/placement.ts";
import { keyWords, quotedForSsh, sshPaths } from "../lab/ssh-words.ts";
import type { LabNetwork } from "../netns/network.ts";
import { endpointTo } from "./ssh-routes.ts";

/** A program to run in place of redis-lab: the user's own ssh client, or a shell in the folder of a host of this computer. */
export interface ShellCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** It is needed, and does not exist before the first `up`. @default the current folder */
  readonly folder?: string;
  /** Put before PATH. */
  readonly path?: string;
}

/**
 * How to get a shell on a host, or to run words there. The lab's known_hosts is used, so the host key that redis-lab pinned is the one that counts. ssh reads the user's configuration itself, for
 * what the lab does not declare. The words are joined with blanks by ssh itself, as its users know it.
 */
export async function shellCommand(
  placement: Placement,
  host: PlacedHost,
  words: readonly string[],
  options: { readonly knownHostsFile: string; readonly shell: string; readonly network?: LabNetwork | undefined },
): Promise<ShellCommand> {
  if (placement.capabilities.connection === "local") {
    const enter = options.network?.enter({ host: host.name }, host.paths.prefix) ?? [];
    const [file = options.shell, ...before] = [...enter, options.shell];
    return {
      file,
      args: words.length === 0 ? before : [...before, "-c", words.join(" ")],
      folder: host.paths.prefix,
      path: host.paths.bin,
    };
  }
  const { ssh } = host;
  const endpoint = await endpointTo(placement, host);
  // ssh makes no folder for what it pins, and goes on without the pin.
  await makeFolder(dirname(options.knownHostsFile));
  const pins = await pinWords(endpoint, options.knownHostsFile);
  return {
    file: "ssh",
    args: [
      ...(ssh.configFile === undefined ? [] : ["-F", ssh.configFile]),
      ...["-p", String(endpoint.port), "-l", endpoint.user],
      ...pins,
      ...ALIVE,
      ...keyWords({ keyFile: ssh.keyFile, identityFiles: [], identitiesOnly: false }),
      ...(await wayTo(placement, host, endpoint, options.knownHostsFile)),
      ssh.host ?? host.address,
      ...words,
    ],
  };
}

/** A host that has gone silent ends the shell as it ends every other verb; OpenSSH would wait for as long as the kernel repeats the last packet. */
const ALIVE = ["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"] as const;

/**
 * The lab's file comes first: it is the one that ssh writes to. A host of an authority shows its certificate, which ssh checks, and no unknown key instead. The name of the keys is said, as
 * ssh is not called with the name under which the user's configuration has it.
 */
async function pinWords(endpoint: SshEndpoint, knownHostsFile: string): Promise<readonly string[]> {
  const { address, port, keyName, knownHostsFiles, knownOnly } = endpoint;
  const strict = knownOnly || (await new KnownHosts(knownHostsFile, knownHostsFiles).isOfAuthority(keyName));
  return [
    ...(keyName === knownHostName(address, port) ? [] : ["-o", `HostKeyAlias=${quotedForSsh(keyName)}`]),
    ...["-o", `UserKnownHostsFile=${sshPaths([knownHostsFile, ...knownHostsFiles])}`],
    ...["-o", `StrictHostKeyChecking=${strict ? "yes" : "accept-new"}`],
  ];
}

/** Nothing where ssh itself finds the way in the configuration of the user. */
async function wayTo(placement: Placement, { ssh }: PlacedHost, { via }: SshEndpoint, knownHostsFile: string): Promise<readonly string[]> {
  if (via === undefined) return ssh.jump === undefined && !isOwnMachine(placement) ? [] : ["-o", "ProxyJump=none"];
  return ssh.jump === undefined ? [] : ["-o", `ProxyCommand=${await throughJump(via, knownHostsFile, ssh.configFile)}`];
}

/** Not `-J`: the ssh that it starts would have neither the key nor the pins. A `%` is ssh's own, and doubled to be a plain one (ssh_config(5), TOKENS). */
async function throughJump(jump: SshEndpoint, knownHostsFile: string, configFile: string | undefined): Promise<string> {
  const { address, port, user, via } = jump;
  const words = [
    ...(configFile === undefined ? ["ssh"] : ["ssh", "-F", configFile]),
    ...["-p", String(port), "-l", user],
    ...(await pinWords(jump, knownHostsFile)),
    ...keyWords(jump),
    ...["-o", via === undefined ? "ProxyJump=none" : `ProxyCommand=${await throughJump(via, knownHostsFile, configFile)}`],
  ];
  return [...words.map((word) => shellQuote(word).replaceAll("%", "%%")), "-W", "'[%h]:%p'", address].join(" ");
}
