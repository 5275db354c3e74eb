import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, readIfPresent, syncFolder, writeAtomically } from "../base/atomic.ts";
import { errnoOf, fileNotWritten } from "../base/errors.ts";
import type { SshSettings } from "../lab/schema.ts";
import { type HostKey, type KeyMark, type KnownHostsLine, keyType, knownHostName, parseKnownHostsLine } from "./known-hosts-line.ts";

/** A key with where it stands. */
export interface KnownKey extends HostKey {
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
}

/** What the files say about a key that a host presents. */
export type HostKeyVerdict =
  | { readonly kind: "matches" | "pinned-now" }
  | { readonly kind: "changed"; readonly pinned: readonly KnownKey[] }
  /** The very key is one that no host may have. */
  | { readonly kind: "revoked"; readonly by: KnownKey }
  /** The host is to be known by a certificate of an authority, which is not looked at here. */
  | { readonly kind: "authority"; readonly by: KnownKey }
  /** Only known hosts are wanted, and it is none. */
  | { readonly kind: "unknown" };

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(key: Pick<HostKey, "blob">): string {
  return `SHA256:${createHash("sha256").update(Buffer.from(key.blob, "base64")).digest("base64").replace(/=+$/, "")}`;
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
 *
 * Other files of that format may speak of its hosts too, as ssh reads several: a key that any of them has for the host is right, one that any of them revokes is not. They are only read.
 */
export class KnownHosts {
  readonly file: string;
  private readonly others: readonly string[];

  /** @param others files that are read besides; one that is absent or may not be read says nothing, as with ssh */
  constructor(file: string, others: readonly string[] = []) {
    this.file = file;
    this.others = others;
  }

  /** The keys that a host may have, the files' order, the lab's own first; none where no file has it. */
  async keysOf(name: string): Promise<KnownKey[]> {
    const entries = await this.entries();
    const revoked = blobsOf(entries, "revoked", names(name));
    const all = names(name).map((each) => keysIn(entries, "host", each).filter(({ blob }) => !revoked.has(blob)));
    return all.find((keys) => keys.length > 0) ?? [];
  }

  /**
   * Compares a presented key (the blob of the SSH protocol) with the files, and pins it where the host has none yet. What the files say counts in this order, as ssh does it (check_host_key
   * of sshconnect.c), but that a host of an authority is not an unknown one: any computer that shows a key in place of a certificate would be trusted at once.
   *
   * @param known only a host that is known already is accepted (`StrictHostKeyChecking yes`)
   */
  async verify(name: string, presented: Buffer, { known = false }: { readonly known?: boolean } = {}): Promise<HostKeyVerdict> {
    return this.queued(async () => {
      const blob = presented.toString("base64");
      const entries = await this.entries();
      const by = names(name)
        .flatMap((each) => keysIn(entries, "revoked", each))
        .find((key) => key.blob === blob);
      if (by !== undefined) return { kind: "revoked", by };
      const pinned = keysIn(entries, "host", name);
      if (pinned.some((key) => key.blob === blob)) return { kind: "matches" };
      if (pinned.length > 0) return { kind: "changed", pinned };
      // Off port 22 a key that stands under the name alone may prove the host, and can't be contradicted (sshconnect.c).
      if (blobsOf(entries, "host", names(name)).has(blob)) return { kind: "matches" };
      const [authority] = keysIn(entries, "authority", name);
      if (authority !== undefined) return { kind: "authority", by: authority };
      if (known) return { kind: "unknown" };
      await this.append(`${name} ${keyType(presented)} ${blob}\n`);
      return { kind: "pinned-now" };
    });
  }

  /** Whether a host is to be known by a certificate, and by no key that it had before. */
  async isOfAuthority(name: string): Promise<boolean> {
    return keysIn(await this.entries(), "authority", name).length > 0;
  }

  /**
   * Forgets the keys of a host in the lab's own file, after it was installed again on purpose. What is revoked stays, and authorities stay, as `ssh-keygen -R` does it; a pattern goes on
   * for the other hosts that it means.
   *
   * @returns the number of keys that were dropped
   */
  async drop(name: string): Promise<number> {
    return this.queued(async () => {
      const lines = await readLines(this.file);
      let dropped = 0;
      const kept = lines.flatMap((line) => {
        const entry = parseKnownHostsLine(line);
        if (entry?.mark !== "host" || !entry.matches(name)) return [line];
        dropped += 1;
        return entry.isPattern ? [`!${name},${line.trimStart()}`] : [];
      });
      if (dropped > 0) await writeAtomically(this.file, kept.join("\n"));
      return dropped;
    });
  }

  private async entries(): Promise<readonly Entry[]> {
    const files = [this.file, ...this.others];
    const texts = await Promise.all(files.map((file, index) => readLines(file, index > 0)));
    return texts.flatMap((lines, index) =>
      lines.flatMap((text, at) => {
        const entry = parseKnownHostsLine(text);
        return entry === undefined ? [] : [{ ...entry, place: { file: files[index] ?? "", line: at + 1 } }];
      }),
    );
  }

  /** One write with O_APPEND, so that lines of several writers do not mix; a last line without line break (an editor's, or a torn one) is closed first. */
  private async append(line: string): Promise<void> {
    try {
      // A verb that only looks may be the first one that reaches the hosts.
      await makeFolder(dirname(this.file));
      const file = await open(this.file, "a+", 0o600);
      try {
        const { size, mode } = await file.stat();
        const last = Buffer.alloc(1);
        if (size > 0) await file.read(last, 0, 1, size - 1);
        await file.appendFile(size > 0 && last.toString() !== "\n" ? `\n${line}` : line);
        if ((mode & 0o077) !== 0) await file.chmod(0o600);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(dirname(this.file));
    } catch (error) {
      throw errnoOf(error) === undefined ? error : fileNotWritten(this.file, error);
    }
  }

  private queued<T>(job: () => Promise<T>): Promise<T> {
    const result = (queues.get(this.file) ?? Promise.resolve()).then(job, job);
    queues.set(this.file, result);
    return result;
  }
}

interface Entry extends KnownHostsLine {
  readonly place: Pick<KnownKey, "file" | "line">;
}

async function readLines(file: string, other = false): Promise<string[]> {
  const text = await readIfPresent(file).catch((error: unknown) => {
    if (other) return undefined;
    throw error;
  });
  return (text ?? "").split("\n");
}

/** `[host]:port`, and the host alone. */
function names(name: string): readonly string[] {
  const [, host] = /^\[(.*)\]:\d+$/.exec(name) ?? [];
  return host === undefined ? [name] : [name, host];
}

function keysIn(entries: readonly Entry[], mark: KeyMark, name: string): KnownKey[] {
  return entries.filter((entry) => entry.mark === mark && entry.matches(name)).map(({ key, place }) => ({ ...key, ...place }));
}

function blobsOf(entries: readonly Entry[], mark: KeyMark, wanted: readonly string[]): ReadonlySet<string> {
  return new Set(wanted.flatMap((name) => keysIn(entries, mark, name).map(({ blob }) => blob)));
}
