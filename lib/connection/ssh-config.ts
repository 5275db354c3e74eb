import { rm, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { ownName } from "../base/own-name.ts";
import { keptOf, runProgram } from "../base/process.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { sshConfigFault } from "./errors.ts";

/** A host as a person names it, with what is declared of it: that goes before the configuration. */
export interface SshQuestion {
  /** What `Host` is compared with. */
  readonly name: string;
  /** @default the configuration's, else `defaultUser` */
  readonly user: string | undefined;
  /** @default the configuration's, else 22 */
  readonly port: number | undefined;
  readonly defaultUser: string;
  /** How it is reached is declared, and not looked for: neither ProxyJump nor ProxyCommand. */
  readonly wayGiven: boolean;
}

/** How OpenSSH's client would reach a host. */
export interface SshAnswer {
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** Key files, in the order in which they are offered; empty where none is named. */
  readonly identityFiles: readonly string[];
  /** No key is offered but these, or but the default ones where there are none. */
  readonly identitiesOnly: boolean;
  /** It is reached by a program that ssh starts, which redis-lab does not. */
  readonly proxyCommand: boolean;
  /** `[USER@]HOST[:PORT]`, the first one first; empty for a direct way. */
  readonly jumps: readonly string[];
  /** The name of its keys in known_hosts. @default that of host and port */
  readonly hostKeyAlias: string | undefined;
  /** Of the user and of this computer. */
  readonly knownHostsFiles: readonly string[];
  /** A host that is not in them yet is refused (`StrictHostKeyChecking yes`). */
  readonly knownOnly: boolean;
}

/** What ssh reads without a configuration (ssh_config(5)). */
const KNOWN_HOSTS = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** A key file that is nowhere: that it stands alone in the answer says that the configuration names none. */
const NO_KEY_FILE = "/nonexistent/redis-lab-names-no-key";

/** Longest run of `ssh -G` in milliseconds: a `Match exec` may take its time. */
const TIMEOUT_MS = 10_000;

/** `~` and `~/…` → the home folder of the calling user. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/** The answer where there is no configuration. */
export function withoutConfig({ name, user, port, defaultUser }: SshQuestion): SshAnswer {
  return {
    hostName: name,
    port: port ?? 22,
    user: user ?? defaultUser,
    identityFiles: [],
    identitiesOnly: false,
    proxyCommand: false,
    jumps: [],
    hostKeyAlias: undefined,
    knownHostsFiles: KNOWN_HOSTS.map(expandHome),
    knownOnly: false,
  };
}

/**
 * Asks OpenSSH's own client (`ssh -G`) what a configuration of its says of a host, so that all of it means what it means there: Host with its patterns, Match, Include, tokens. That of the whole
 * computer (/etc/ssh/ssh_config) is not asked. The file is refused, as by ssh, where others than the user and root can write it.
 *
 * @param host the host that is to be reached, for messages
 * @returns undefined where this computer has no `ssh`
 * @throws LabError `connection.ssh-config`
 */
export async function askSshConfig(host: string, file: string, question: SshQuestion): Promise<SshAnswer | undefined> {
  const { name, user, port, defaultUser, wayGiven } = question;
  const folder = await temporaryFolder("ssh");
  try {
    // The first value counts: what stands after the user's file is the default. Read by Include, that file is checked for its owner and mode (readconf.c).
    const asked = join(folder, "config");
    const included = file.replace(/[*?[]/g, "\\$&");
    const before = wayGiven ? "ProxyJump none\n" : "";
    const after = `Match all\n  User ${defaultUser}\n  IdentityFile ${NO_KEY_FILE}\n`;
    await writeFile(asked, `${before}Include "${included}"\n${after}`, { mode: 0o600 });
    const declared = [...(user === undefined ? [] : ["-l", user]), ...(port === undefined ? [] : ["-p", String(port)])];
    const environment = keptOf(process.env, Object.keys(process.env).filter(isPassedOn));
    const ended = await runProgram("ssh", ["-G", "-F", asked, ...declared, "--", name], { environment, timeoutMs: TIMEOUT_MS });
    if (ended.failure?.reason === "absent") return undefined;
    if (ended.exitCode !== 0) {
      const said = ended.stderr.trim().split("\n").slice(-3).join(" ");
      throw sshConfigFault(host, file, ended.failure?.text ?? (ended.timedOut ? "`ssh -G` did not end within 10 s" : said));
    }
    return answerOf(host, file, question, ended.stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** No password of a lab is in these. */
function isPassedOn(name: string): boolean {
  return /^(HOME|PATH|USER|LOGNAME|SHELL|TERM|LANG|TMPDIR|LC_\w+|SSH_\w+|XDG_\w+)$/.test(name);
}

function answerOf(host: string, file: string, question: SshQuestion, output: string): SshAnswer {
  const lines = output.split("\n").map((line) => [line.split(" ")[0] ?? "", line.slice(line.indexOf(" ") + 1)] as const);
  const all = (word: string) => lines.filter(([key, value]) => key === word && value !== "none").map(([, value]) => value);
  const one = (word: string) => all(word)[0];
  const hostName = one("hostname") ?? question.name;
  const port = Number(one("port") ?? 22);
  const user = one("user") ?? question.defaultUser;
  const hostKeyAlias = one("hostkeyalias");
  const jumps = one("proxyjump")?.split(",") ?? [];
  const tokens = tokensOf({ h: hostName, n: question.name, p: String(port), r: user, k: hostKeyAlias ?? question.name });
  const path = (text: string) => expandHome(expandTokens(text, tokens, (fault) => sshConfigFault(host, file, fault)));
  const files = (word: string) => all(word).flatMap((value) => value.split(" ").filter((each) => each !== "" && each !== "none"));
  return {
    hostName,
    port,
    user,
    identityFiles: all("identityfile")
      .filter((value) => value !== NO_KEY_FILE)
      .map(path),
    identitiesOnly: one("identitiesonly") === "yes",
    proxyCommand: one("proxycommand") !== undefined,
    jumps,
    hostKeyAlias,
    knownHostsFiles: [...files("userknownhostsfile"), ...files("globalknownhostsfile")].map(path),
    knownOnly: /^(true|yes)$/.test(one("stricthostkeychecking") ?? ""),
  };
}

/** What is of the calling user is looked up where a path has it: not every user has an account (containers), and a directory service takes its time. */
function tokensOf(host: Readonly<Record<"h" | "n" | "p" | "r" | "k", string>>): Readonly<Record<string, string>> {
  return {
    "%": "%",
    ...host,
    l: hostname(),
    L: hostname().split(".")[0] ?? "",
    get u() {
      return ownName();
    },
    get d() {
      return homedir();
    },
    get i() {
      return String(process.getuid?.());
    },
  };
}

/** `%h` and the like, and `${NAME}` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES): `ssh -G` prints key files as they are written. Pure but for the environment. */
export function expandTokens(
  text: string,
  tokens: Readonly<Record<string, string>>,
  fault: (what: string) => Error,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  return text.replace(/%(.?)|\$\{(\w+)\}/g, (whole, token: string | undefined, variable: string | undefined) => {
    const value = variable === undefined ? tokens[token ?? ""] : environment[variable];
    if (value === undefined) throw fault(`${whole} in ${text} can't be replaced`);
    return value;
  });
}
