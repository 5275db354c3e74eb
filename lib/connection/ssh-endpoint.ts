import { access } from "node:fs/promises";
import type { Emit } from "../base/events.ts";
import { ownName } from "../base/own-name.ts";
import type { Login } from "../lab/targets.ts";
import { sshConfigAbsent, sshJumpLoop, sshProxyCommand } from "./errors.ts";
import { knownHostName } from "./known-hosts-line.ts";
import { askSshConfig, expandHome, type SshAnswer, type SshQuestion, withoutConfig } from "./ssh-config.ts";

/** Where an SSH server is, who logs in there, and by what way. */
export interface SshEndpoint {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The only key. @default those of `identityFiles`, the SSH agent and the default keys */
  readonly keyFile: string | undefined;
  /** Offered before the agent's other keys. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** The name of its host keys in known_hosts. */
  readonly keyName: string;
  /** Read besides the lab's own. */
  readonly knownHostsFiles: readonly string[];
  readonly knownOnly: boolean;
  /** For people: as it was named. */
  readonly label: string;
  /** The jump host before it, which may have one itself. */
  readonly via: SshEndpoint | undefined;
}

export interface EndpointOptions {
  /** The machine is of redis-lab's own making: its address, user, key and way are known, and the user's configuration is asked of its jump host alone. @default false */
  readonly ownMachine?: boolean;
  /** Called, once for each file, where there is a configuration, and no ssh that could read it. */
  readonly emit?: Emit | undefined;
}

/** What `ssh.configFile` and `ssh.jump` say for "none at all", as ssh's own -F and ProxyJump. */
const NONE = "none";
const DEFAULT_FILE = "~/.ssh/config";
/** A way of more hops goes in a circle. */
const MOST_HOPS = 8;

/** How names are looked up: `file` is undefined where there is no configuration, `asked` is false where there is to be none. */
interface Lookup {
  readonly host: string;
  readonly file: string | undefined;
  readonly asked: boolean;
  readonly emit: Emit | undefined;
}

/**
 * The way to a host, and how to log in on it and on all before it. What the lab declares goes before the user's configuration of OpenSSH (`ssh.configFile`, ~/.ssh/config), that before the
 * defaults. The name that is looked up in it is `ssh.host`, else the address; a jump host is looked up by its own name.
 *
 * @throws LabError `connection.ssh-config`, `connection.proxy-command`, `connection.jump-loop`
 */
export async function resolveEndpoint(
  host: string,
  login: Login & { readonly address: string },
  options: EndpointOptions = {},
): Promise<SshEndpoint> {
  const { answer, lookup, name } = await lookUp(host, login, options);
  const declared = login.jump?.split(",").filter((hop) => hop !== NONE);
  const via =
    declared === undefined
      ? await routeOf(jumpsIn(answer, name, lookup), { ...lookup, behind: [name], defaultUser: undefined, keyFile: undefined })
      : await routeOf(declared, { ...lookup, behind: [name], defaultUser: answer.user, keyFile: login.jumpKeyFile });
  return { ...endpointOf(answer, login.keyFile, name), via };
}

/** The name under which the keys of a host are pinned. @throws LabError `connection.ssh-config` */
export async function keyNameOf(
  host: string,
  login: Login & { readonly address: string },
  options: Pick<EndpointOptions, "ownMachine"> = {},
): Promise<string> {
  const { answer, name } = await lookUp(host, login, options);
  return endpointOf(answer, undefined, name).keyName;
}

interface Looked {
  readonly name: string;
  readonly answer: SshAnswer;
  readonly lookup: Lookup;
}

async function lookUp(
  host: string,
  login: Login & { readonly address: string },
  { ownMachine = false, emit }: EndpointOptions,
): Promise<Looked> {
  const lookup = { host, emit, ...(await configOf(host, login)) };
  const name = login.host ?? login.address;
  const question = { name, user: login.user, port: login.port, defaultUser: "root", wayGiven: login.jump !== undefined };
  return { name, lookup, answer: await ask(question, ownMachine ? { ...lookup, file: undefined, asked: false } : lookup) };
}

async function configOf(host: string, { configFile }: Login): Promise<Pick<Lookup, "file" | "asked">> {
  if (configFile === NONE) return { file: undefined, asked: false };
  const file = expandHome(configFile ?? DEFAULT_FILE);
  const there = await access(file).then(
    () => true,
    () => false,
  );
  if (!there && configFile !== undefined) throw sshConfigAbsent(host, file);
  return { file: there ? file : undefined, asked: true };
}

/** Files that each listener has heard of: it is the same for all hosts and jump hosts. */
const unread = new WeakMap<Emit, Set<string>>();

function sayUnread(file: string, emit: Emit | undefined): void {
  if (emit === undefined) return;
  const said = unread.get(emit) ?? new Set();
  unread.set(emit, said);
  if (said.has(file)) return;
  said.add(file);
  emit({ type: "notice", level: "warning", text: `${file} is not read, as this computer has no ssh (openssh-client)` });
}

async function ask(question: SshQuestion, { host, file, asked, emit }: Lookup): Promise<SshAnswer> {
  const answer = file === undefined ? undefined : await askSshConfig(host, file, question);
  if (answer !== undefined) return answer;
  if (file !== undefined) sayUnread(file, emit);
  const bare = withoutConfig(question);
  return asked ? bare : { ...bare, knownHostsFiles: [] };
}

function endpointOf(answer: SshAnswer, keyFile: string | undefined, label: string): Omit<SshEndpoint, "via"> {
  const { hostName, port, user, identityFiles, identitiesOnly, hostKeyAlias, knownHostsFiles, knownOnly } = answer;
  const keyName = hostKeyAlias ?? knownHostName(hostName, port);
  return { address: hostName, port, user, keyFile, identityFiles, identitiesOnly, keyName, knownHostsFiles, knownOnly, label };
}

interface Hop extends Lookup {
  /** Names of all that are reached through it. */
  readonly behind: readonly string[];
  /** @default the calling user, as for ssh */
  readonly defaultUser: string | undefined;
  readonly keyFile: string | undefined;
}

/** The last of some jump hosts, with the way through those before it; the first one goes the way that the configuration says for it. */
async function routeOf(hops: readonly string[], props: Hop): Promise<SshEndpoint | undefined> {
  let via: SshEndpoint | undefined;
  for (const [index, hop] of hops.entries()) {
    const { user, name, port } = parseHop(hop);
    if (props.behind.length > MOST_HOPS) throw sshJumpLoop(props.host, [...props.behind].reverse());
    const answer = await ask({ name, user, port, defaultUser: props.defaultUser ?? ownName(), wayGiven: index > 0 }, props);
    const further = jumpsIn(answer, name, props);
    if (further.length > 0)
      via = await routeOf(further, { ...props, behind: [...props.behind, name], defaultUser: undefined, keyFile: undefined });
    via = { ...endpointOf(answer, props.keyFile, hop), via };
  }
  return via;
}

/** The jump hosts that the configuration says, for a host whose way is not given otherwise. */
function jumpsIn({ jumps, proxyCommand }: SshAnswer, name: string, { host, file = "" }: Lookup): readonly string[] {
  if (proxyCommand) throw sshProxyCommand(host, file, name);
  return jumps;
}

/** `[USER@]HOST[:PORT]`, with an IPv6 address in brackets; `ssh://` before it is left out. */
function parseHop(text: string): { readonly user: string | undefined; readonly name: string; readonly port: number | undefined } {
  const [, user, bracketed, plain, port] = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { user, name: bracketed ?? plain ?? text, port: port === undefined ? undefined : Number(port) };
}

/** `a`, `a,b`: the jump hosts before it, the first one first; undefined for a direct way. */
export function jumpsOf({ via }: SshEndpoint): string | undefined {
  if (via === undefined) return undefined;
  const before = jumpsOf(via);
  return before === undefined ? via.label : `${before},${via.label}`;
}
