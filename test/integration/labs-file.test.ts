import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeProject, smallCluster, type TestProject } from "../support/project.ts";

// A labs file is a program: what runs in its place runs as the operator.

let project: TestProject;
beforeEach(async () => {
  project = await makeProject();
  await project.write(smallCluster());
});
afterEach(() => project.remove());

/** Puts a command before every file below a folder, as its owner could at any time. @returns how many */
async function tamper(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files) await writeFile(file, `console.error("OWNED");${await readFile(file, "utf8")}`);
  return files.length;
}

test("who made the folder for temporary files of jiti does not decide what runs", async () => {
  const temporary = join(project.folder, "tmp");
  await mkdir(join(temporary, "jiti"), { recursive: true });
  await chmod(join(temporary, "jiti"), 0o777);
  const env = { TMPDIR: temporary, XDG_CACHE_HOME: join(project.folder, "cache") };
  await project.ok(["list"], { env });
  await tamper(temporary);
  expect((await project.ok(["list"], { env })).stderr).not.toContain("OWNED");
});

test("what was made of a labs file is kept for this user alone, and nowhere where others can write", async () => {
  const env = { XDG_CACHE_HOME: join(project.folder, "cache") };
  await project.ok(["list"], { env });
  const kept = join(project.folder, "cache/redis-lab/labs");
  expect(await readdir(kept)).toHaveLength(1);
  // It is used, or this test would say nothing.
  await tamper(kept);
  expect((await project.ok(["list"], { env })).stderr).toContain("OWNED");
  await chmod(kept, 0o777);
  expect((await project.ok(["list"], { env })).stderr).not.toContain("OWNED");
});
