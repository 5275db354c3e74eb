import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeTree } from "../../lib/project/file-tree.ts";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let folder: string;
let mask: number;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "redis-lab tree-")));
  mask = process.umask(0);
});
afterEach(async () => {
  process.umask(mask);
  await rm(folder, { recursive: true, force: true });
});

const modeOf = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);
const FILES = [
  { path: "redis-18/apps/redis/etc/redis.conf", text: "requirepass s3cret\n", mode: 0o600 },
  { path: "redis-18/etc/hosts", text: "127.0.0.1 localhost\n", mode: 0o644 },
];
const out = () => join(folder, "out");
const write = (secret = true) => writeTree(out(), FILES, secret);

test("files with secrets are for this user alone, in folders for this user alone, whatever the umask is", async () => {
  await write();
  for (const path of ["out", "out/redis-18", "out/redis-18/apps/redis/etc"]) expect(await modeOf(join(folder, path)), path).toBe("700");
  expect(await modeOf(join(out(), "redis-18/apps/redis/etc/redis.conf"))).toBe("600");
  expect(await modeOf(join(out(), "redis-18/etc/hosts"))).toBe("644");
});

test("a file that is there, open to all and open in another program, is replaced and not written to", async () => {
  const place = join(out(), "redis-18/apps/redis/etc");
  await mkdir(place, { recursive: true, mode: 0o755 });
  for (const each of ["", "redis-18", "redis-18/apps", "redis-18/apps/redis", "redis-18/apps/redis/etc"])
    await chmod(join(out(), each), 0o755);
  const file = join(place, "redis.conf");
  await writeFile(file, "old", { mode: 0o666 });
  const { ino } = await stat(file);
  await write();
  expect([await modeOf(file), (await stat(file)).ino === ino, await readFile(file, "utf8")]).toEqual(["600", false, FILES[0]?.text]);
  expect(await readdir(place)).toEqual(["redis.conf"]);
});

test.each([true, false])(
  "a link in the place of a file is replaced, and what it leads to stays as it was (secrets: %s)",
  async (secret) => {
    const victim = join(folder, "authorized_keys");
    await writeFile(victim, "mine");
    const place = join(out(), "redis-18/apps/redis/etc");
    await mkdir(place, { recursive: true, mode: 0o700 });
    for (const each of ["", "redis-18", "redis-18/apps", "redis-18/apps/redis", "redis-18/apps/redis/etc"])
      await chmod(join(out(), each), 0o700);
    await symlink(victim, join(place, "redis.conf"));
    await write(secret);
    expect(await readFile(victim, "utf8")).toBe("mine");
    expect((await lstat(join(place, "redis.conf"))).isFile()).toBe(true);
  },
);

describe("nothing is written", () => {
  const refused = async (secret: boolean, why: RegExp) => {
    await expect(write(secret)).rejects.toMatchObject({ code: "project.not-our-folder", what: expect.stringMatching(why) });
    const left = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(left.filter((each) => each.isFile())).toEqual([]);
  };

  test.each([true, false])("through a link in the place of a folder (secrets: %s)", async (secret) => {
    await mkdir(join(folder, "elsewhere"), { mode: 0o700 });
    await mkdir(out(), { mode: 0o700 });
    await symlink(join(folder, "elsewhere"), join(out(), "redis-18"));
    await refused(secret, /redis-18 is a link/);
  });

  test("with secrets, through a link that is named", async () => {
    await mkdir(join(folder, "elsewhere"), { mode: 0o700 });
    await symlink(join(folder, "elsewhere"), out());
    await refused(true, /out is a link/);
  });

  test("with secrets, into a folder that others can write, or below one", async () => {
    await mkdir(join(out(), "redis-18"), { recursive: true, mode: 0o700 });
    await chmod(join(out(), "redis-18"), 0o777);
    await refused(true, /every user of this computer can write .*redis-18/);
    await chmod(join(out(), "redis-18"), 0o700);
    await chmod(folder, 0o777);
    await refused(true, /every user of this computer can write /);
  });

  test.skipIf(!isRoot)("with secrets, into a folder of another user, or through a link of theirs without", async () => {
    await mkdir(out(), { mode: 0o755 });
    await chown(out(), NOBODY, NOBODY);
    await refused(true, /out belongs to the user with the id 65534/);
    await rm(out(), { recursive: true });
    await mkdir(join(folder, "elsewhere"));
    // As it can be planted in /tmp: the folder around it is sticky.
    await symlink(join(folder, "elsewhere"), out());
    const { lchown } = await import("node:fs/promises");
    await lchown(out(), NOBODY, NOBODY);
    await refused(false, /out belongs to the user with the id 65534/);
  });
});

test("without secrets a link of one's own is followed, and modes are those of the host", async () => {
  await mkdir(join(folder, "elsewhere"));
  await symlink(join(folder, "elsewhere"), out());
  await write(false);
  expect(await modeOf(join(folder, "elsewhere/redis-18/etc/hosts"))).toBe("644");
});
