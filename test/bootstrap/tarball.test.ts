import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { versionInTarball } from "../../lib/bootstrap/tarball.ts";
import type { Product } from "../../lib/redis/products/product.ts";
import { PRODUCTS } from "../../lib/redis/products.ts";
import { Version } from "../../lib/redis/version.ts";

const kin: Product = { ...PRODUCTS.redis, title: "Kin", versionMacro: "KIN_VERSION" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-tarball-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function tarballWith(header: string): Promise<string> {
  await mkdir(join(folder, "any-name", "src"), { recursive: true });
  await writeFile(join(folder, "any-name", "src", "version.h"), header);
  const path = join(folder, "source.tar.gz");
  await promisify(execFile)("tar", ["-czf", path, "-C", folder, "any-name"]);
  return path;
}

test("the version is that of the product's own macro, whatever the tree says for those who look for a Redis", async () => {
  const path = await tarballWith(
    '#define KIN_VERSION "8.0.1"\n#define KIN_VERSION_NUM 0x1\n/* Compatible: */\n#define REDIS_VERSION "7.2.4"\n',
  );
  expect(await versionInTarball(path, kin, "here")).toBe(Version.of(kin, "8.0.1"));
  expect(await versionInTarball(path, PRODUCTS.redis, "here")).toBe(Version.of(PRODUCTS.redis, "7.2.4"));
});

test("a tree of another product is refused", async () => {
  const path = await tarballWith('#define REDIS_VERSION "7.2.4"\n');
  await expect(versionInTarball(path, kin, "here")).rejects.toMatchObject({
    code: "source.not-redis",
    what: expect.stringContaining("not the source of Kin"),
  });
});

test("no password of our environment reaches tar, nor what it starts", async () => {
  const path = await tarballWith('#define REDIS_VERSION "7.2.4"\n');
  const { PATH } = process.env;
  await writeFile(join(folder, "tar"), `#!/bin/sh\nenv > '${join(folder, "seen")}'\nPATH='${PATH}' exec tar "$@"\n`, { mode: 0o755 });
  Object.assign(process.env, { PATH: `${folder}:${PATH}`, REDIS_LAB_PASSWORD: "s3cret", LAB_PASSWORD: "s3cret" });
  try {
    expect(await versionInTarball(path, PRODUCTS.redis, "here")).toBe(Version.of(PRODUCTS.redis, "7.2.4"));
  } finally {
    process.env.PATH = PATH;
    delete process.env["REDIS_LAB_PASSWORD"];
    delete process.env["LAB_PASSWORD"];
  }
  const seen = await readFile(join(folder, "seen"), "utf8");
  expect(seen).toContain("PATH=");
  expect(seen).not.toContain("s3cret");
});
