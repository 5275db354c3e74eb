import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openProject } from "../../lib/project/project.ts";
import { faultOf, type Ownership, thisUser, whyNotTrusted } from "../../lib/project/trusted-file.ts";

const me = { uid: 1000, gid: 1000, sudoUid: undefined };
const of = (changes: Partial<Ownership>): Ownership => ({ path: "/p", uid: 1000, gid: 1000, mode: 0o644, folder: false, ...changes });

test.each<[string, Partial<Ownership>, string | undefined]>([
  ["one's own", {}, undefined],
  ["root's", { uid: 0, gid: 0 }, undefined],
  ["another user's", { uid: 1001 }, "/p belongs to the user with the id 1001"],
  ["writable for all", { mode: 0o666 }, "every user of this computer can write /p"],
  ["a folder as /tmp", { uid: 0, gid: 0, mode: 0o1777, folder: true }, undefined],
  ["a folder as /tmp, without its sticky bit", { uid: 0, gid: 0, mode: 0o777, folder: true }, "every user of this computer can write /p"],
  ["writable for one's own group", { mode: 0o664 }, undefined],
  ["writable for root's group", { gid: 0, mode: 0o664 }, undefined],
  ["writable for a group of others", { gid: 50, mode: 0o664 }, "the group with the id 50 can write /p"],
])("%s", (_name, changes, fault) => {
  expect(faultOf(of(changes), me)).toBe(fault);
});

test("a project of the user who became root by sudo is the user's own", () => {
  expect(faultOf(of({}), { uid: 0, gid: 0, sudoUid: 1000 })).toBeUndefined();
  expect(faultOf(of({}), { uid: 0, gid: 0, sudoUid: undefined })).toBe("/p belongs to the user with the id 1000");
  expect(thisUser({ SUDO_UID: "1000" }).sudoUid).toBe(process.getuid?.() === 0 ? 1000 : undefined);
  expect(thisUser({}).sudoUid).toBeUndefined();
});

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "redis-lab-project-")));
  await mkdir(join(root, "work/deep"), { recursive: true });
  await writeFile(join(root, "labs.mjs"), "throw new Error('it ran');\n");
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("what a link leads to is looked at, and every folder above it", async () => {
  expect(whyNotTrusted(join(root, "labs.mjs"))).toBeUndefined();
  await symlink(join(root, "work/deep/there.mjs"), join(root, "link.mjs"));
  await writeFile(join(root, "work/deep/there.mjs"), "");
  await chmod(join(root, "work"), 0o777);
  expect(whyNotTrusted(join(root, "link.mjs"))).toBe(`every user of this computer can write ${join(root, "work")}`);
});

test("a labs file that others can write does not run, unless it is named", async () => {
  await chmod(join(root, "labs.mjs"), 0o666);
  await expect(openProject({ from: join(root, "work/deep") })).rejects.toMatchObject({
    code: "project.not-trusted",
    why: expect.stringContaining(`every user of this computer can write ${join(root, "labs.mjs")}`),
    next: expect.stringContaining(`--labs ${join(root, "labs.mjs")}`),
  });
  await expect(openProject({ from: root, labsFile: "labs.mjs" })).rejects.toMatchObject({ what: expect.stringContaining("it ran") });
});

test.runIf(process.getuid?.() === 0)("nor one of another user, in a folder above", async () => {
  const { chown } = await import("node:fs/promises");
  await chown(join(root, "labs.mjs"), 65_534, 65_534);
  await expect(openProject({ from: join(root, "work/deep") })).rejects.toMatchObject({
    code: "project.not-trusted",
    why: expect.stringContaining("belongs to the user with the id 65534"),
  });
});
