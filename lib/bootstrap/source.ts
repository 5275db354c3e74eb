import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isLabError, messageOf } from "../base/error.ts";
import { isDiskFault } from "../base/errors.ts";
import type { Emit } from "../base/events.ts";
import { byCount, megabytes } from "../base/text.ts";
import { declaredVersion, productOf } from "../lab/product.ts";
import type { Lab, RedisSource } from "../lab/schema.ts";
import type { TargetCapabilities } from "../lab/targets.ts";
import type { Product } from "../redis/products/product.ts";
import { Version } from "../redis/version.ts";
import { intoCache, sha256OfFile, withCacheFolder } from "./cache.ts";
import { distributionSource } from "./distribution-source.ts";
import { downloadFile } from "./download.ts";
import { sourceChecksumMismatch, sourceChecksumUnknown, sourceFileMissing, sourceOtherVersion, sourceUnreachable } from "./errors.ts";
import { versionInTarball } from "./tarball.ts";

/** A checked source tarball on this computer. */
export interface ResolvedSource {
  /** Version that the tree itself declares (src/version.h); the lab's, unless the distribution's source was taken. */
  readonly version: Version;
  /** Absolute path of the tarball in the cache. */
  readonly tarball: string;
  readonly sha256: string;
  /** Where it came from, for people. */
  readonly origin: string;
  /** True where the distribution's source stands in for the declared release. */
  readonly fallback: boolean;
}

/** A tarball of Redis has two to four million bytes. */
const LONGEST_SOURCE = 500e6;

export interface SourceOptions {
  readonly capabilities: Pick<TargetCapabilities, "distributionFallback">;
  /** Folder of redis-lab's cache; see `cacheFolder`. */
  readonly cacheFolder: string;
  readonly emit: Emit;
  /** What an earlier run of the same lab and target took, so that it stays with one source; used while it is in the cache. Without it a fallback asks the release site again. */
  readonly previous?: Pick<ResolvedSource, "sha256" | "fallback"> | undefined;
  /** Folder that serves the tarballs of releases under their own names, as a mirror does. @default the product's release site */
  readonly releaseSite?: string;
  /** Longest wait for an answer of a server, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** The most that a server may send, in bytes. @default 500 million */
  readonly longestBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What is remembered of a tarball in the cache, beside it. */
interface Memory {
  readonly version: string;
  readonly origin: string;
}

/**
 * The checked source of a lab's product on this computer. Everything that was had before comes from the cache without a look at the network.
 *
 * @throws LabError `source.*`
 */
export async function resolveSource(lab: Pick<Lab, "name" | "redis">, options: SourceOptions): Promise<ResolvedSource> {
  const { source } = lab.redis;
  const version = declaredVersion(lab);
  if (source.kind === "distribution") return { ...(await fromDistribution(productOf(lab), options)), fallback: false };
  const resolved = await declaredSource(source, version, options);
  if (!resolved.fallback && resolved.version !== version) throw sourceOtherVersion(resolved.origin, version, resolved.version);
  return resolved;
}

async function declaredSource(
  source: Exclude<RedisSource, { kind: "distribution" }>,
  version: Version,
  options: SourceOptions,
): Promise<ResolvedSource> {
  const { product } = version;
  const { releases } = product;
  const sha256 = source.sha256 ?? releases.sha256[version.text];
  if (sha256 === undefined) throw sourceChecksumUnknown(version);
  const cached = await fromCache(sha256, product, options);
  if (cached !== undefined) return cached;
  const before =
    options.previous?.fallback && options.capabilities.distributionFallback
      ? await fromCache(options.previous.sha256, product, options)
      : undefined;
  if (before !== undefined) {
    options.emit({
      type: "notice",
      level: "warning",
      text: `${before.version.title} of ${before.origin} runs instead of the declared ${version}, as before.`,
    });
    return { ...before, fallback: true };
  }
  switch (source.kind) {
    case "file":
      return keep(sha256, source.path, product, options, async (temporary) => {
        await copyFile(source.path, temporary).catch((error: unknown) => {
          throw isDiskFault(error) ? error : sourceFileMissing(source.path, error);
        });
      });
    case "url":
      return firstThatAnswers([source.url], version, sha256, options);
    case "release": {
      const at = (mirror: string) => `${mirror.replace(/\/+$/, "")}/${releases.tarball(version.text)}`;
      const { releaseSite } = options;
      const first = releaseSite === undefined ? `${releases.site}/${releases.siteFile(version.text)}` : at(releaseSite);
      return firstThatAnswers([first, ...source.mirrors.map(at)], version, sha256, options);
    }
    default:
      return source satisfies never;
  }
}

/** Tries servers in turn. One that serves other bytes is reported and passed over, so that a broken mirror does not hide a good one. */
async function firstThatAnswers(
  urls: readonly string[],
  version: Version,
  sha256: string,
  options: SourceOptions,
): Promise<ResolvedSource> {
  const attempts: string[] = [];
  let mismatch: unknown;
  for (const url of urls) {
    try {
      return await keep(sha256, url, version.product, options, (temporary) =>
        downloadFile(url, temporary, {
          connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
          longestBytes: options.longestBytes ?? LONGEST_SOURCE,
          onBytes: (received, total) =>
            options.emit({
              type: "progress",
              host: undefined,
              step: "source",
              detail: `${url}: ${megabytes(received)}`,
              fraction: total !== undefined && total > 0 ? Math.min(1, received / total) : undefined,
            }),
          signal: options.signal,
        }),
      );
    } catch (error) {
      options.signal?.throwIfAborted();
      // A full disk here is no answer of a server: the next one would fill it again.
      if (isDiskFault(error)) throw error;
      if (isLabError(error)) mismatch = error;
      attempts.push(isLabError(error) ? error.what : `${url}: ${messageOf(error)}`);
    }
  }
  // Wrong bytes are a matter for the user, never a reason to run another Redis.
  if (mismatch !== undefined) throw mismatch;
  if (!options.capabilities.distributionFallback) throw sourceUnreachable(version, attempts, undefined);
  const found = await fromDistribution(version.product, options).catch((error: unknown) => {
    throw sourceUnreachable(version, attempts, messageOf(error));
  });
  options.emit({
    type: "notice",
    level: "warning",
    text: `${found.version.title} runs instead of the declared ${version}: ${byCount(urls.length, "the release site did not answer", "neither the release site nor a mirror answered")} (${attempts.join("; ")}), so ${found.origin} is used. Name a mirror, URL or file in redis.source to get ${version}.`,
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
  product: Product,
  options: SourceOptions,
  fetch: (temporary: string) => Promise<void>,
): Promise<ResolvedSource> {
  const path = tarballPath(sha256, options);
  const version = await intoCache(path, async (temporary) => {
    await fetch(temporary);
    const got = await sha256OfFile(temporary);
    if (got !== sha256) throw sourceChecksumMismatch(product, origin, sha256, got, (await stat(temporary)).size);
    return versionInTarball(temporary, product, origin);
  });
  const memory: Memory = { version: version.text, origin };
  await writeWhole(`${path}.json`, JSON.stringify(memory));
  return { version, tarball: path, sha256, origin, fallback: false };
}

/** A tarball of the cache, its sum checked again: what is compiled was checked now. */
async function fromCache(sha256: string, product: Product, options: SourceOptions): Promise<ResolvedSource | undefined> {
  const path = tarballPath(sha256, options);
  const got = await sha256OfFile(path).catch(() => undefined);
  if (got !== sha256) return undefined;
  const memory = await readMemory(`${path}.json`);
  const version = memory === undefined ? await versionInTarball(path, product, path) : Version.of(product, memory.version);
  return { version, tarball: path, sha256, origin: memory?.origin ?? path, fallback: false };
}

async function fromDistribution(product: Product, options: SourceOptions): Promise<Omit<ResolvedSource, "fallback">> {
  const pointer = join(options.cacheFolder, "sources", `distribution-${product.sourcePackage}.json`);
  const known = await readFile(pointer, "utf8").catch(() => "");
  const sha256 = /^[0-9a-f]{64}$/m.exec(known)?.[0];
  const cached = sha256 === undefined ? undefined : await fromCache(sha256, product, options);
  if (cached !== undefined) return cached;
  return withCacheFolder(join(options.cacheFolder, "distribution"), async (folder) => {
    const found = await distributionSource(product, folder, options);
    const resolved = await keep(found.sha256, found.origin, product, options, (temporary) => copyFile(found.tarball, temporary));
    await writeWhole(pointer, `${found.sha256}\n`);
    return resolved;
  });
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
  await intoCache(path, (temporary) => writeFile(temporary, text, { mode: 0o600 }));
}
