import { plainEnvironment, runProgram } from "../base/process.ts";
import type { Product } from "../redis/products/product.ts";
import { Version } from "../redis/version.ts";
import { noTar, sourceNotRedis } from "./errors.ts";

/**
 * The version that a tree of a product in a tarball declares in src/version.h, whatever its root folder is called.
 *
 * @throws LabError `source.not-redis`, `source.no-tar`
 */
export async function versionInTarball(path: string, product: Product, origin: string): Promise<Version> {
  const { exitCode, stdout, stderr, failure } = await runProgram("tar", ["-xzOf", path, "--wildcards", "--no-anchored", "src/version.h"], {
    environment: plainEnvironment(),
    longestOutput: 1 << 20,
  });
  if (failure !== undefined) throw noTar(origin, failure.text);
  if (exitCode !== 0) throw sourceNotRedis(product, origin, stderr.split("\n")[0] || "it cannot be unpacked.");
  const version = new RegExp(`^#define\\s+${product.versionMacro}\\s+"([^"]+)"`, "m").exec(stdout)?.[1];
  if (version === undefined) throw sourceNotRedis(product, origin, "src/version.h names no version.");
  return Version.of(product, version);
}
