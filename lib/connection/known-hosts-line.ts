import { createHmac } from "node:crypto";

/** One key of a host as known_hosts holds it. */
export interface HostKey {
  /** For example `ssh-ed25519`. */
  readonly type: string;
  /** The public key in base64, as in the file. */
  readonly blob: string;
}

/** What a line says of its key: that it is a host's, that it signs the keys of hosts, or that no host may have it. */
export type KeyMark = "host" | "authority" | "revoked";

export interface KnownHostsLine {
  readonly mark: KeyMark;
  readonly key: HostKey;
  /** Whether a pattern is among its names, so that it means hosts that it does not name too; a list of names (`a,b`) is none. */
  readonly isPattern: boolean;
  /** `name` as `knownHostName` writes it. */
  matches(name: string): boolean;
}

/** The name of a host in known_hosts: lower case, and `[host]:port` off port 22 (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

const MARKS: Readonly<Record<string, KeyMark>> = { "@cert-authority": "authority", "@revoked": "revoked" };

/**
 * A line of known_hosts as OpenSSH reads it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; hostfile.c). Undefined for comments and what is not a line of it, as there: half a line, of a writer that was
 * killed or had no room, is not a pin that a host could contradict. Pure.
 */
export function parseKnownHostsLine(line: string): KnownHostsLine | undefined {
  const words = line.trim().split(/[ \t]+/);
  const first = words[0] ?? "";
  const mark = first.startsWith("@") ? MARKS[first] : "host";
  if (mark === undefined || first.startsWith("#")) return undefined;
  const [names, type, blob] = mark === "host" ? words : words.slice(1);
  if (names === undefined || type === undefined || blob === undefined || !isWhole(type, blob)) return undefined;
  return {
    mark,
    // One spelling of its bytes: base64 has several, and they are compared as texts.
    key: { type, blob: Buffer.from(blob, "base64").toString("base64") },
    isPattern: !names.startsWith("|") && /[*?!]/.test(names),
    matches: (name) => (names.startsWith("|") ? isHashOf(names, name) : matchesNames(names, name)),
  };
}

/** A pattern of the list has to fit, and none after a `!` may, wherever it stands (match_pattern_list of match.c). */
function matchesNames(names: string, name: string): boolean {
  const patterns = names.toLowerCase().split(",");
  const [wanted, text] = [patterns.filter((pattern) => !pattern.startsWith("!")), name.toLowerCase()];
  const refused = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  return !refused.some((pattern) => matchesPattern(pattern, text)) && wanted.some((pattern) => matchesPattern(pattern, text));
}

/** `*` is any text, `?` any character, all else itself, brackets too. Goes back to the last `*` alone: a pattern of many takes no longer than their product. */
function matchesPattern(pattern: string, text: string): boolean {
  let [at, position, star, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    const char = pattern[position];
    if (char === "*") {
      star = position;
      position += 1;
      resume = at;
    } else if (char === "?" || char === text[at]) {
      position += 1;
      at += 1;
    } else if (star >= 0) {
      position = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(position));
}

/** ssh writes hashed names where HashKnownHosts is on: `|1|SALT|HMAC-SHA1`, one a line. */
function isHashOf(names: string, name: string): boolean {
  const [, version, salt, hash] = names.split("|");
  if (version !== "1" || salt === undefined) return false;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** Texts of which a key is made, by its type (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4); the first is the type. */
const PARTS: Readonly<Record<string, number>> = { "ssh-ed25519": 2, "ssh-rsa": 3, "ssh-dss": 5 };

/** Each text has its length before it: cut off anywhere, a key does not come out even, or has too few of them. */
function isWhole(type: string, blob: string): boolean {
  const bytes = Buffer.from(blob, "base64");
  let at = 0;
  let parts = 0;
  for (; at + 4 <= bytes.length; parts += 1) at += 4 + bytes.readUInt32BE(at);
  // Those on the curves of NIST have three; a type that is not known here has two at least.
  const wanted = PARTS[type] ?? (type.startsWith("ecdsa-") ? 3 : 2);
  return at === bytes.length && parts >= wanted && keyType(bytes) === type;
}

/** The type stands at the start of the blob, as a string with its length before it (RFC 4253, 6.6). */
export function keyType(blob: Buffer): string {
  return blob.toString("latin1", 4, 4 + blob.readUInt32BE(0));
}
