import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isLabError, messageOf } from "../error.ts";
import type { Emit } from "../events.ts";
import type { Lab, RedisSource } from "../lab/schema.ts";
import type { TargetCapabilities } from "../lab/targets.ts";
import { intoCache, sha256OfFile } from "./cache.ts";
import { distributionSource } from "./distribution-source.ts";
import { downloadFile } from "./download.ts";
import { sourceChecksumMismatch, sourceChecksumUnknown, sourceFileMissing, sourceOtherVersion, sourceUnreachable } from "./errors.ts";
import { KNOWN_RELEASES } from "./known-releases.ts";
import { versionInTarball } from "./tarball.ts";

/** A checked source tarball on this computer. */
export interface ResolvedSource {
  /** Version that the tree itself declares (src/version.h); the lab's, unless the distribution's source was taken. */
  readonly version: string;
  /** Absolute path of the tarball in the cache. */
  readonly tarball: string;
  readonly sha256: string;
  /** Where it came from, for people. */
  readonly origin: string;
  /** True where the distribution's source stands in for the declared release. */
  readonly fallback: boolean;
}

export interface SourceOptions {
  readonly capabilities: Pick<TargetCapabilities, "distributionFallback">;
  /** Folder of redis-lab's cache; see `cacheFolder`. */
  readonly cacheFolder: string;
  readonly emit: Emit;
  /** What an earlier run of the same lab and target took, so that it stays with one source; used while it is in the cache. Without it a fallback asks the release site again. */
  readonly previous?: Pick<ResolvedSource, "sha256" | "fallback">;
  /** Folder that serves redis-VERSION.tar.gz. @default https://download.redis.io/releases */
  readonly releaseSite?: string;
  /** Longest wait for an answer of a server, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export const RELEASE_SITE = "https://download.redis.io/releases";

/** What is remembered of a tarball in the cache, beside it. */
interface Memory {
  readonly version: string;
  readonly origin: string;
}

/**
 * The checked source of a lab's Redis on this computer. Everything that was had before comes from the cache without a look at the network.
 *
 * @throws LabError `source.*`
 */
export async function resolveSource(lab: Pick<Lab, "name" | "redis">, options: SourceOptions): Promise<ResolvedSource> {
  const { source, version } = lab.redis;
  if (source.kind === "distribution") return { ...(await fromDistribution(options)), fallback: false };
  const resolved = await declaredSource(source, version, options);
  if (!resolved.fallback && resolved.version !== version) throw sourceOtherVersion(resolved.origin, version, resolved.version);
  return resolved;
}

async function declaredSource(
  source: Exclude<RedisSource, { kind: "distribution" }>,
  version: string,
  options: SourceOptions,
): Promise<ResolvedSource> {
  const sha256 = source.sha256 ?? KNOWN_RELEASES[version];
  if (sha256 === undefined) throw sourceChecksumUnknown(version);
  const cached = await fromCache(sha256, options);
  if (cached !== undefined) return cached;
  const before =
    options.previous?.fallback && options.capabilities.distributionFallback ? await fromCache(options.previous.sha256, options) : undefined;
  if (before !== undefined) {
    options.emit({
      type: "notice",
      level: "warning",
      text: `Redis ${before.version} of ${before.origin} runs instead of the declared ${version}, as before.`,
    });
    return { ...before, fallback: true };
  }
  switch (source.kind) {
    case "file":
      return keep(sha256, source.path, options, async (temporary) => {
        await copyFile(source.path, temporary).catch((error: unknown) => {
          throw sourceFileMissing(source.path, error);
        });
      });
    case "url":
      return firstThatAnswers([source.url], version, sha256, options);
    case "release": {
      const sites = [options.releaseSite ?? RELEASE_SITE, ...source.mirrors];
      return firstThatAnswers(
        sites.map((site) => `${site.replace(/\/+$/, "")}/redis-${version}.tar.gz`),
        version,
        sha256,
        options,
      );
    }
  }
}

/** Tries servers in turn. One that serves other bytes is told of and passed over, so that a broken mirror does not hide a good one. */
async function firstThatAnswers(urls: readonly string[], version: string, sha256: string, options: SourceOptions): Promise<ResolvedSource> {
  const attempts: string[] = [];
  let mismatch: unknown;
  for (const url of urls) {
    try {
      return await keep(sha256, url, options, (temporary) =>
        downloadFile(url, temporary, {
          connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
          onBytes: (received, total) =>
            options.emit({
              type: "progress",
              host: undefined,
              step: "source",
              detail: `${url}: ${(received / 1e6).toFixed(1)} MB`,
              ...(total !== undefined && total > 0 && { fraction: Math.min(1, received / total) }),
            }),
          ...(options.signal && { signal: options.signal }),
        }),
      );
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isLabError(error)) mismatch = error;
      attempts.push(isLabError(error) ? error.what : `${url}: ${messageOf(error)}`);
    }
  }
  // Wrong bytes are a matter for the user, never a reason to run another Redis.
  if (mismatch !== undefined) throw mismatch;
  if (!options.capabilities.distributionFallback) throw sourceUnreachable(version, attempts, undefined);
  const found = await fromDistribution(options).catch((error: unknown) => {
    throw sourceUnreachable(version, attempts, messageOf(error));
  });
  options.emit({
    type: "notice",
    level: "warning",
    text: `Redis ${found.version} runs instead of the declared ${version}: ${urls.length === 1 ? "the release site" : "neither the release site nor a mirror"} ${urls.length === 1 ? "did not answer" : "answered"} (${attempts.join("; ")}), so ${found.origin} is used. Name a mirror, URL or file in redis.source to get ${version}.`,
  });
  return { ...found, fallback: true };
}

function tarballPath(sha256: string, options: SourceOptions): string {
  return join(options.cacheFolder, "sources", `${sha256}.tar.gz`);
}

/** Checks and keeps what `fetch` wrote: anything with another sum is removed again. */
async function keep(
  sha256: string,
  origin: string,
  options: SourceOptions,
  fetch: (temporary: string) => Promise<void>,
): Promise<ResolvedSource> {
  const path = tarballPath(sha256, options);
  const version = await intoCache(path, async (temporary) => {
    await fetch(temporary);
    const got = await sha256OfFile(temporary);
    if (got !== sha256) throw sourceChecksumMismatch(origin, sha256, got, (await stat(temporary)).size);
    return versionInTarball(temporary, origin);
  });
  const memory: Memory = { version, origin };
  await writeWhole(`${path}.json`, JSON.stringify(memory));
  return { version, tarball: path, sha256, origin, fallback: false };
}

/** A tarball of the cache, its sum checked again: what is compiled was checked now. */
async function fromCache(sha256: string, options: SourceOptions): Promise<ResolvedSource | undefined> {
  const path = tarballPath(sha256, options);
  const got = await sha256OfFile(path).catch(() => undefined);
  if (got !== sha256) return undefined;
  const memory = await readMemory(`${path}.json`);
  const version = memory?.version ?? (await versionInTarball(path, path));
  return { version, tarball: path, sha256, origin: memory?.origin ?? path, fallback: false };
}

async function fromDistribution(options: SourceOptions): Promise<Omit<ResolvedSource, "fallback">> {
  const pointer = join(options.cacheFolder, "sources", "distribution.json");
  const known = await readFile(pointer, "utf8").catch(() => "");
  const sha256 = /^[0-9a-f]{64}$/m.exec(known)?.[0];
  const cached = sha256 === undefined ? undefined : await fromCache(sha256, options);
  if (cached !== undefined) return cached;
  const folder = join(options.cacheFolder, "distribution");
  const found = await distributionSource(folder, options);
  const resolved = await keep(found.sha256, found.origin, options, (temporary) => copyFile(found.tarball, temporary));
  await writeWhole(pointer, `${found.sha256}\n`);
  await rm(folder, { recursive: true, force: true });
  return resolved;
}

async function readMemory(path: string): Promise<Memory | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { version, origin } = value as Partial<Record<keyof Memory, unknown>>;
    return typeof version === "string" && typeof origin === "string" ? { version, origin } : undefined;
  } catch {
    return undefined;
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  await intoCache(path, (temporary) => writeFile(temporary, text, { mode: 0o600 }));
}
