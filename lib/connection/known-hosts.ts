import { createHash, createHmac } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { SshSettings } from "../lab/schema.ts";
import { replaceFile } from "./local-files.ts";

/** One key of a host as known_hosts holds it. */
export interface HostKey {
  /** For example `ssh-ed25519`. */
  readonly type: string;
  /** The public key in base64, as in the file. */
  readonly blob: string;
}

/** What the file says about a key that a host presents. */
export type Verdict = { readonly kind: "matches" | "pinned-now" } | { readonly kind: "changed"; readonly pinned: readonly HostKey[] };

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(key: Pick<HostKey, "blob">): string {
  return `SHA256:${createHash("sha256").update(Buffer.from(key.blob, "base64")).digest("base64").replace(/=+$/, "")}`;
}

/** The name of a host in known_hosts: lower case, and `[host]:port` off port 22 (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** The name under which a host's keys are pinned, from what it is reached with. */
export function pinNameOf({ host, port, address }: Pick<SshSettings, "host" | "port"> & { readonly address: string }): string {
  return knownHostName(host ?? address, port ?? 22);
}

/** Changes of one file come one after the other; two processes on one lab are kept apart by the lab's lock. */
const queues = new Map<string, Promise<unknown>>();

/**
 * The host keys of a lab, in a file of its own in OpenSSH's format: `ssh -o UserKnownHostsFile=FILE` works with it, `ssh-keygen -R` too. A key is pinned when
 * its host is first seen; afterwards no other is accepted. Mode 0600.
 */
export class KnownHosts {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** The pinned keys of a host, the file's order; none where there is no file. */
  async keysOf(name: string): Promise<HostKey[]> {
    return (await this.lines()).flatMap((line) => {
      const entry = parseLine(line);
      return entry?.matches(name) ? [entry.key] : [];
    });
  }

  /** Compares a presented key (the blob of the SSH protocol) with the pins, and pins it where the host has none yet. */
  async verify(name: string, presented: Buffer): Promise<Verdict> {
    return this.queued(async () => {
      const blob = presented.toString("base64");
      const pinned = await this.keysOf(name);
      if (pinned.some((key) => key.blob === blob)) return { kind: "matches" };
      if (pinned.length > 0) return { kind: "changed", pinned };
      await this.append(`${name} ${keyType(presented)} ${blob}\n`);
      return { kind: "pinned-now" };
    });
  }

  /** Forgets a host, after it was installed again on purpose. @returns the number of keys that were dropped */
  async drop(name: string): Promise<number> {
    return this.queued(async () => {
      const lines = await this.lines();
      const kept = lines.filter((line) => !parseLine(line)?.matches(name));
      if (kept.length < lines.length)
        await replaceFile(this.file, 0o600, (file) => file.writeFile(kept.map((line) => `${line}\n`).join("")));
      return lines.length - kept.length;
    });
  }

  private async lines(): Promise<string[]> {
    const text = await readFile(this.file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    return text.split("\n").filter((line) => line !== "");
  }

  /** One write with O_APPEND, so that lines of several writers do not mix; a last line without line break (a crash) is closed first. */
  private async append(line: string): Promise<void> {
    // A verb that only looks may be the first one that reaches the hosts.
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
    const file = await open(this.file, "a+", 0o600);
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      await file.write(size > 0 && last.toString() !== "\n" ? `\n${line}` : line);
      await file.chmod(0o600);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  private queued<T>(job: () => Promise<T>): Promise<T> {
    const result = (queues.get(this.file) ?? Promise.resolve()).then(job, job);
    queues.set(this.file, result);
    return result;
  }
}

/** A line of known_hosts; undefined for comments, markers (`@cert-authority`) and what is none. */
function parseLine(line: string): { readonly key: HostKey; matches(name: string): boolean } | undefined {
  const [names, type, blob] = line.trim().split(/\s+/);
  if (names === undefined || type === undefined || blob === undefined || /^[#@]/.test(names)) return undefined;
  return { key: { type, blob }, matches: (name) => names.split(",").some((pattern) => isSameName(pattern, name)) };
}

/** ssh writes hashed names where HashKnownHosts is on: `|1|SALT|HMAC-SHA1`. */
function isSameName(pattern: string, name: string): boolean {
  const [, version, salt, hash] = pattern.split("|");
  if (version !== "1" || salt === undefined) return pattern === name;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** The type stands at the start of the blob, as a string with its length before it (RFC 4253, 6.6). */
function keyType(blob: Buffer): string {
  return blob.toString("latin1", 4, 4 + blob.readUInt32BE(0));
}
