import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import { clusterInput } from "./labs.ts";
import { describeSource } from "./sources.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Gives every test the redis-server that `npm start` would use: the lab's own source, or the distribution's where neither release site nor mirrors answer.
 * REDIS_LAB_TEST_BIN names a folder with a redis-server to use instead; REDIS_LAB_TEST_SOURCE a tarball redis-VERSION.tar.gz to compile.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  compile();
  if (process.env["REDIS_LAB_TEST_BIN"] !== undefined) return undefined;
  // Loaded here, so that a run with a redis-server of its own needs nothing of the bootstrap.
  const { ensureLocalBuild } = await import("../../lib/operations/local-build.ts");
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-test-bin-"));
  const lab = await testLab();
  const { bin, source } = await ensureLocalBuild(lab, folder, (event) => {
    if (event.type === "notice") process.stderr.write(`${event.text}\n`);
  });
  process.env["REDIS_LAB_TEST_BIN"] = bin;
  // Labs of tests declare exactly this source, so that their build is the one that is in the cache now.
  const { version, tarball, sha256 } = source;
  process.env["REDIS_LAB_TEST_LAB_REDIS"] = JSON.stringify({
    version: version.text,
    makeFlags: lab.redis.makeFlags,
    source: { kind: "file", path: tarball, sha256 },
  });
  return () => rm(folder, { recursive: true, force: true });
}

/** Tests of the command line run what is compiled. `npm test` has compiled it already; `npx vitest` after an edit has not. */
function compile(): void {
  const age = (file: string) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const compiled = { lib: "dist/lib", stacks: "dist/stacks", "providers/libvirt/src": "providers/libvirt/lib" };
  const stale = Object.entries(compiled).some(([from, to]) =>
    readdirSync(join(root, from), { recursive: true, encoding: "utf8" })
      // The labs of this checkout are data, and loaded as they are.
      .filter((file) => file.endsWith(".ts") && join(from, file) !== "stacks/labs.ts")
      .some((file) => age(join(to, file.replace(/ts$/, "js"))) < age(join(from, file))),
  );
  // Wrong types are shown and compiled all the same: refusing them is for `npm run check`.
  if (stale) spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

async function testLab(): Promise<Lab> {
  const path = process.env["REDIS_LAB_TEST_SOURCE"];
  if (path === undefined) return defineLab(clusterInput());
  const { version, sha256, makeFlags } = await describeSource(path);
  return defineLab(clusterInput({ redis: { version, makeFlags: [...makeFlags], source: { kind: "file", path, sha256 } } }));
}
