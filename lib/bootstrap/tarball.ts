import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../error.ts";
import { sourceNotRedis } from "./errors.ts";

const run = promisify(execFile);

/**
 * The version that a Redis tree in a tarball declares in src/version.h, whatever its root folder is called.
 *
 * @throws LabError `source.not-redis`
 */
export async function versionInTarball(path: string, origin: string): Promise<string> {
  const { stdout } = await run("tar", ["-xzOf", path, "--wildcards", "--no-anchored", "src/version.h"], { maxBuffer: 1 << 20 }).catch(
    (error: unknown) => {
      throw sourceNotRedis(origin, messageOf(error).split("\n")[1] ?? "it cannot be unpacked.");
    },
  );
  const version = /#define\s+REDIS_VERSION\s+"([^"]+)"/.exec(stdout)?.[1];
  if (version === undefined) throw sourceNotRedis(origin, "src/version.h names no version.");
  return version;
}
