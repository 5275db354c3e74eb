import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import ssh2, { type AgentAuthMethod } from "ssh2";
import { keyFileInvalid, keyFileMissing, keyNeedsPassphrase, noKeys } from "./errors.ts";
import { fingerprint } from "./known-hosts.ts";
import { expandHome } from "./ssh-config.ts";
import { type KeyOrder, type LoginKey, OfferedKeys } from "./ssh-offered-keys.ts";

export interface LoginKeys {
  /** Offers them in their order. */
  readonly method: AgentAuthMethod;
  /** The same for people: names and fingerprints, no contents; also the keys that had to be left out, with the reason. */
  readonly tried: readonly string[];
}

/** Looked at where no key is named; the first ones that OpenSSH looks at too. */
const DEFAULT_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** Keys that are named for a login. */
export interface NamedKeys {
  /** No other key is offered, but those of the agent where the file can't be used by itself. */
  readonly keyFile?: string | undefined;
  /** Offered first, in this order. A file that is not there is passed over. @default [] */
  readonly identityFiles?: readonly string[];
  /** No key is offered but these, or but the default ones where there are none. @default false */
  readonly identitiesOnly?: boolean;
}

/**
 * The keys to log in with: the lab's key file alone, or else those of the user's configuration, the SSH agent (SSH_AUTH_SOCK) and, where no file is named, the default keys. A key with a
 * passphrase, or of which the file is the public half, is left to the agent, which is asked for it before its other keys.
 *
 * @throws LabError `connection.key-file`, `.key-invalid`, `.key-passphrase`, `.no-keys`
 */
export async function loginKeys(host: string, username: string, settings: NamedKeys): Promise<LoginKeys> {
  const agentSocket = await findAgent();
  const inOrder = (order: Omit<KeyOrder, "agentSocket">): AgentAuthMethod => ({
    type: "agent",
    username,
    agent: new OfferedKeys({ ...order, agentSocket }),
  });
  const agentName = `the SSH agent at ${agentSocket}`;
  if (settings.keyFile !== undefined) {
    const path = expandHome(settings.keyFile);
    const contents = await readFile(path).catch((cause: unknown) => {
      throw keyFileMissing(host, path, cause);
    });
    const key = await readKey(path, contents);
    if (key === "invalid" || (key.lacks === "private half" && agentSocket === undefined)) throw keyFileInvalid(host, path);
    if (key.lacks === undefined)
      return { method: inOrder({ configured: [key], agentsOthers: false, defaults: [] }), tried: [nameOf(path, key, agentSocket)] };
    if (agentSocket === undefined) throw keyNeedsPassphrase(host, path);
    const configured = key.blob === undefined ? [] : [{ blob: key.blob, privateKey: undefined }];
    return { method: inOrder({ configured, agentsOthers: true, defaults: [] }), tried: [nameOf(path, key, agentSocket), agentName] };
  }

  const { identityFiles = [], identitiesOnly = false } = settings;
  const tried = [agentSocket === undefined ? "no SSH agent (SSH_AUTH_SOCK)" : agentName];
  const found: LoginKey[] = [];
  const files = identityFiles.length > 0 ? identityFiles : DEFAULT_KEYS.map((name) => join(homedir(), ".ssh", name));
  for (const path of files) {
    const contents = await readFile(path).catch(() => undefined);
    const key = contents === undefined ? undefined : await readKey(path, contents);
    if (key !== undefined) tried.push(nameOf(path, key, agentSocket));
    else if (identityFiles.length > 0) tried.push(`${path} (can't be read)`);
    if (key === undefined || key === "invalid" || key.blob === undefined) continue;
    found.push({ blob: key.blob, privateKey: key.lacks === undefined ? key.privateKey : undefined });
  }
  if (agentSocket === undefined && found.every(({ privateKey }) => privateKey === undefined))
    throw noKeys(host, identityFiles.length > 0 ? tried : [...tried, `${join(homedir(), ".ssh")}/{${DEFAULT_KEYS.join(",")}}`]);
  const named = identityFiles.length > 0 || identitiesOnly;
  return { method: inOrder({ configured: named ? found : [], agentsOthers: !identitiesOnly, defaults: named ? [] : found }), tried };
}

/** The type with which a public key begins (RFC 4253, 6.6), for example `ssh-ed25519`. */
function typeOf(blob: string): string {
  const bytes = Buffer.from(blob, "base64");
  return bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0));
}

/** A key file for people. */
function nameOf(path: string, key: KeyFile | "invalid", agentSocket: string | undefined): string {
  if (key === "invalid") return `${path} (cannot be read: left out)`;
  if (key.lacks === undefined) return `${path} (${fingerprint(key)} ${typeOf(key.blob)})`;
  return `${path} (${key.lacks === "passphrase" ? "needs a passphrase" : "has the public half"}: left ${agentSocket === undefined ? "out" : "to the agent"})`;
}

async function findAgent(): Promise<string | undefined> {
  const socket = process.env.SSH_AUTH_SOCK;
  if (socket === undefined || socket === "") return undefined;
  return access(socket).then(
    () => socket,
    () => undefined,
  );
}

/** A key file that can be used, or of which at least the kind is known: `blob` is its public half where it can be read. */
type KeyFile =
  | (LoginKey & { readonly lacks: undefined })
  | { readonly lacks: "private half"; readonly blob: string }
  | { readonly lacks: "passphrase"; readonly blob: string | undefined };

async function readKey(path: string, contents: Buffer): Promise<KeyFile | "invalid"> {
  const key = parse(contents);
  if (key instanceof Error) {
    if (!/passphrase|[Ee]ncrypted/.test(key.message)) return "invalid";
    return { lacks: "passphrase", blob: publicPart(contents) ?? (await publicHalf(path)) };
  }
  const blob = key.getPublicSSH().toString("base64");
  return key.isPrivateKey() ? { lacks: undefined, blob, privateKey: key } : { lacks: "private half", blob };
}

/** ssh2 returns some faults and throws others. */
function parse(contents: Buffer): ssh2.ParsedKey | Error {
  try {
    // Node sees no `utils` among the exports of a CommonJS module whose value is an object literal.
    return ssh2.utils.parseKey(contents);
  } catch (error) {
    return error as Error;
  }
}

const OPENSSH_KEY = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/;
const MAGIC = "openssh-key-v1\0";

/** The public half, which stands unencrypted in a private key of OpenSSH's form (PROTOCOL.key of OpenSSH): three texts, a number of keys, the keys. */
function publicPart(contents: Buffer): string | undefined {
  const bytes = Buffer.from(OPENSSH_KEY.exec(contents.toString("latin1"))?.[1] ?? "", "base64");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  let at = MAGIC.length;
  for (let text = 0; text < 3 && at + 4 <= bytes.length; text += 1) at += 4 + bytes.readUInt32BE(at);
  at += 4;
  if (at + 4 > bytes.length) return undefined;
  const end = at + 4 + bytes.readUInt32BE(at);
  return end <= bytes.length ? bytes.toString("base64", at + 4, end) : undefined;
}

/** The file beside a private key in PEM, which does not say. */
async function publicHalf(path: string): Promise<string | undefined> {
  const key = await readFile(`${path}.pub`).then(parse, () => undefined);
  return key === undefined || key instanceof Error ? undefined : key.getPublicSSH().toString("base64");
}
