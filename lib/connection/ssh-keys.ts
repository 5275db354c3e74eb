import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import ssh2, { type AgentAuthMethod, type PublicKeyAuthMethod } from "ssh2";
import type { SshSettings } from "../lab/schema.ts";
import { keyFileInvalid, keyFileMissing, keyNeedsPassphrase, noKeys } from "./errors.ts";
import { fingerprint } from "./known-hosts.ts";

export interface LoginKeys {
  /** In the order in which they are offered. */
  readonly methods: readonly (AgentAuthMethod | PublicKeyAuthMethod)[];
  /** The same for people: names and fingerprints, no contents; also the keys that had to be left out, with the reason. */
  readonly tried: readonly string[];
}

/** Looked at where the lab names no key; the first ones that OpenSSH looks at too. */
const DEFAULT_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** `~` and `~/…` → the home folder of the calling user. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/**
 * The keys to log in with: the lab's key file alone, or else the SSH agent (SSH_AUTH_SOCK) and the default keys. A key with a passphrase is left to the agent.
 *
 * @throws LabError `connection.key-file`, `.key-invalid`, `.key-passphrase`, `.no-keys`
 */
export async function loginKeys(host: string, username: string, settings: Pick<SshSettings, "keyFile">): Promise<LoginKeys> {
  const agent = await findAgent(username);
  if (settings.keyFile !== undefined) {
    const path = expandHome(settings.keyFile);
    const contents = await readFile(path).catch((cause: unknown) => {
      throw keyFileMissing(host, path, cause);
    });
    const key = readKey(contents);
    if (typeof key === "object") return { methods: [{ type: "publickey", username, key: contents }], tried: [`${path} (${key.print})`] };
    if (key === "invalid") throw keyFileInvalid(host, path);
    if (agent === undefined) throw keyNeedsPassphrase(host, path);
    return { methods: [agent.method], tried: [`${path} (needs a passphrase: left to the agent)`, agent.name] };
  }

  const methods: (AgentAuthMethod | PublicKeyAuthMethod)[] = [];
  const tried: string[] = [];
  if (agent !== undefined) {
    methods.push(agent.method);
    tried.push(agent.name);
  } else {
    tried.push("no SSH agent (SSH_AUTH_SOCK)");
  }
  for (const name of DEFAULT_KEYS) {
    const path = join(homedir(), ".ssh", name);
    const contents = await readFile(path).catch(() => undefined);
    if (contents === undefined) continue;
    const key = readKey(contents);
    if (typeof key === "object") {
      methods.push({ type: "publickey", username, key: contents });
      tried.push(`${path} (${key.print})`);
    } else {
      tried.push(`${path} (${key === "passphrase" ? "needs a passphrase" : "cannot be read"}: left out)`);
    }
  }
  if (methods.length === 0) throw noKeys(host, [...tried, `${join(homedir(), ".ssh")}/{${DEFAULT_KEYS.join(",")}}`]);
  return { methods, tried };
}

async function findAgent(username: string): Promise<{ readonly method: AgentAuthMethod; readonly name: string } | undefined> {
  const socket = process.env.SSH_AUTH_SOCK;
  if (socket === undefined || socket === "") return undefined;
  const there = await access(socket).then(
    () => true,
    () => false,
  );
  return there ? { method: { type: "agent", username, agent: socket }, name: `the SSH agent at ${socket}` } : undefined;
}

function readKey(contents: Buffer): { readonly print: string } | "passphrase" | "invalid" {
  // Node sees no `utils` among the exports of a CommonJS module whose value is an object literal.
  const key = ssh2.utils.parseKey(contents);
  if (key instanceof Error) return /passphrase|[Ee]ncrypted/.test(key.message) ? "passphrase" : "invalid";
  return key.isPrivateKey() ? { print: fingerprint({ blob: key.getPublicSSH().toString("base64") }) } : "invalid";
}
