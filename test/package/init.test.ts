import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

// A user's own project from nothing: the packed redis-lab makes it, and everything in it works as it stands.

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let project: string;

/** Without what vitest tells its workers: the project has a vitest of its own. */
const environment = Object.fromEntries(
  Object.entries({ ...process.env, NO_COLOR: "1" }).filter(([name]) => !/^(VITEST|REDIS_LAB_|NODE_ENV)/.test(name)),
);
const run = (cwd: string, command: string, ...args: readonly string[]) => promisify(execFile)(command, args, { cwd, env: environment });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-init-"));
  const tool = join(folder, "tool");
  await mkdir(tool);
  await writeFile(join(tool, "package.json"), JSON.stringify({ private: true }));
  await run(root, "npm", "pack", "--ignore-scripts", "--pack-destination", folder);
  const [tarball = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  await run(tool, "npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", join(folder, tarball));
  await run(tool, "npx", "--no-install", "redis-lab", "init", "../my labs");
  project = join(folder, "my labs");
  await run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const stacks = async () => {
  await run(project, "npm", "run", "--silent", "synth");
  const names = await readdir(join(project, "cdktf.out", "stacks"));
  const read = async (name: string) => JSON.parse(await readFile(join(project, "cdktf.out", "stacks", name, "cdk.tf.json"), "utf8"));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
};

/** Puts the example of a stack of one's own beside the project's, checks its types, and synthesises it; its domains by name. */
async function ownStack(): Promise<Readonly<Record<string, unknown>>> {
  await rm(join(project, "own"), { recursive: true, force: true });
  await cp(join(root, "examples", "own-stack"), join(project, "own"), { recursive: true });
  await rm(join(project, "own", "package.json"));
  await run(join(project, "own"), join(project, "node_modules/.bin/tsc"), "-p", ".");
  await run(join(project, "own"), join(project, "node_modules/.bin/jiti"), "stacks/main.ts");
  const { resource } = JSON.parse(await readFile(join(project, "own/cdktf.out/stacks/cache/cdk.tf.json"), "utf8"));
  const domains = Object.values<{ readonly name: string }>(resource.libvirt_domain);
  return Object.fromEntries(domains.map((domain) => [domain.name, domain] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test("it gets the redis-lab that made it, and the cdktf that the stacks are tested with", async () => {
  const installed = async (name: string) => JSON.parse(await readFile(join(project, "node_modules", name, "package.json"), "utf8")).version;
  const ours = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  expect(await installed("redis-lab")).toBe(ours.version);
  expect(await installed("cdktf")).toBe(ours.devDependencies.cdktf);
  // One cdktf and one constructs: with two, constructs of one are strangers to the other.
  const nested = await readdir(join(project, "node_modules", "redis-lab", "node_modules"));
  expect(nested).toContain("@cdktf");
  expect(nested.filter((name) => /^(cdktf|constructs)$/.test(name))).toEqual([]);
});

test("its types and its test are green as they stand", async () => {
  const { stdout } = await run(project, "npm", "test");
  expect(stdout).toMatch(/Tests\s+1 passed/);
});

test("it synthesises a stack for its lab, and another for the environment that is in the comment", async () => {
  expect(Object.keys(await stacks())).toEqual(["cluster"]);
  const file = join(project, "stacks", "labs.ts");
  const [before = "", after = ""] = (await readFile(file, "utf8")).split(/^(?=\/\/ export const staging)/m);
  await writeFile(file, before + after.replaceAll(/^\/\/ /gm, ""));
  const both = await stacks();
  expect(Object.keys(both).sort()).toEqual(["cluster", "staging"]);
  for (const stack of Object.values(both)) {
    expect(Object.keys(stack.resource.libvirt_domain)).toHaveLength(6);
    expect(stack.terraform.required_providers.libvirt).toEqual({ source: "dmacvicar/libvirt", version: "0.8.3" });
  }
});

test("redis-lab knows its labs there", async () => {
  await run(project, "npx", "--no-install", "redis-lab", "render", "cluster", "--out", "files");
  expect(await readdir(join(project, "files"))).toEqual([11, 12, 13, 14, 15, 16].map((number) => `redis-${number}`));
});

test("a stack of one's own uses what the package exports, the bindings of libvirt among it", async () => {
  expect(Object.keys(await ownStack())).toEqual(["cache-clients", "cache-redis-11", "cache-redis-12", "cache-redis-13"]);
});

test("on cdktn, under the name of cdktf, its types, its test and its stacks are the same", async () => {
  const before = await stacks();
  await run(join(folder, "tool"), "npx", "--no-install", "redis-lab", "init", "--cdktn", "../forked");
  const manifest = JSON.parse(await readFile(join(folder, "forked", "package.json"), "utf8"));
  // Its command line wants a newer Node than some have; what the labs are made with does not.
  for (const name of ["cdktn", "cdktn-cli"]) delete manifest.devDependencies[name];
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  await run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund");
  expect(JSON.parse(await readFile(join(project, "node_modules/cdktf/package.json"), "utf8")).name).toBe("cdktn");
  await run(project, "npm", "test");
  expect(Object.keys(await ownStack())).toHaveLength(4);
  const after = await stacks();
  const parts = (all: typeof before) => Object.entries(all).map(([name, { resource, terraform }]) => ({ name, resource, terraform }));
  expect(parts(after)).toEqual(parts(before));
});
