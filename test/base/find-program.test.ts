import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../lib/base/find-program.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-find-"));
  for (const name of ["a", "b", "c"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "a", "program"), "#!/bin/sh\n", { mode: 0o644 });
  await writeFile(join(folder, "b", "program"), "#!/bin/sh\n", { mode: 0o755 });
  await mkdir(join(folder, "c", "program"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const searched = (program: string, ...folders: readonly string[]) =>
  findProgram(program, { PATH: folders.map((name) => (name.startsWith("/") ? name : join(folder, name))).join(":") });

test("the first file that may be executed is found, and what cannot be one is passed over", () => {
  const found = { kind: "found", path: join(folder, "b", "program") };
  expect(searched("program", "b", "a")).toEqual(found);
  expect(searched("program", "none", "a/program", "c", "a", "b")).toEqual(found);
});

test("a file that may not be executed is named, a folder of that name is not", () => {
  expect(searched("program", "c", "a")).toEqual({ kind: "not-executable", path: join(folder, "a", "program") });
  expect(searched("program", "c")).toEqual({ kind: "absent" });
  expect(searched("other", "a", "b")).toEqual({ kind: "absent" });
});

test("a path is searched nowhere, and relative ones begin at the working folder", async () => {
  expect(findProgram(join(folder, "b/program"), { PATH: "" }).kind).toBe("found");
  expect(findProgram("b/program", { PATH: "" }, folder)).toEqual({ kind: "found", path: join(folder, "b", "program") });
  // An empty entry is the working folder.
  expect(findProgram("program", { PATH: "/nowhere:" }, join(folder, "b"))).toEqual({ kind: "found", path: join(folder, "b", "program") });
  expect(findProgram("program", { PATH: "" }, folder)).toEqual({ kind: "absent" });
});

test("without a PATH the folders of the C library are searched, and links are followed", async () => {
  expect(findProgram("sh", {}).kind).toBe("found");
  await symlink(join(folder, "b", "program"), join(folder, "link"));
  await symlink(join(folder, "none"), join(folder, "dangling"));
  await chmod(join(folder, "b", "program"), 0o755);
  expect(searched("link", folder).kind).toBe("found");
  expect(searched("dangling", folder).kind).toBe("absent");
});

test.skipIf(process.getuid?.() === 0)("a folder that can't be searched may have it", async () => {
  await mkdir(join(folder, "shut"), { mode: 0o600 });
  expect(searched("other", "shut", "b")).toEqual({ kind: "hidden", folder: join(folder, "shut") });
  expect(searched("program", "shut", "b").kind).toBe("found");
});
