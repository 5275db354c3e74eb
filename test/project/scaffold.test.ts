import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openProject } from "../../lib/project/project.ts";
import { scaffold } from "../../lib/project/scaffold.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-scaffold-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const filesOf = async (path: string) =>
  (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);

test("a project has the versions that this redis-lab is tested with", async () => {
  const { files } = await scaffold(join(folder, "fresh"));
  expect(files).toEqual([
    ".gitignore",
    ".npmrc",
    "cdktf.json",
    "package.json",
    "stacks/labs.ts",
    "stacks/main.ts",
    "test/labs.test.ts",
    "tsconfig.json",
  ]);
  const ours = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const theirs = JSON.parse(await readFile(join(folder, "fresh", "package.json"), "utf8"));
  const { "redis-lab": version, ...dependencies } = theirs.dependencies;
  expect(version).toBe(ours.version);
  const all = { ...dependencies, ...theirs.devDependencies };
  expect(Object.keys(all).sort()).toEqual(["@types/node", "cdktf", "cdktf-cli", "constructs", "jiti", "typescript", "vitest"]);
  for (const [name, wanted] of Object.entries(all)) expect(wanted, name).toBe({ ...ours.dependencies, ...ours.devDependencies }[name]);
});

test("with cdktn the name cdktf is an alias of it, and its own CLI deploys", async () => {
  expect((await scaffold(join(folder, "forked"), "cdktn")).cdk).toBe("cdktn");
  const { devDependencies: ours } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const { dependencies, devDependencies, scripts } = JSON.parse(await readFile(join(folder, "forked", "package.json"), "utf8"));
  expect(dependencies).toMatchObject({ cdktf: `npm:cdktn@${ours.cdktn}`, constructs: ours.constructs });
  expect(devDependencies).toMatchObject({ cdktn: ours.cdktn, "cdktn-cli": ours.cdktn });
  expect(devDependencies).not.toHaveProperty("cdktf-cli");
  expect(scripts).toMatchObject({ deploy: "cdktn deploy cluster", destroy: "cdktn destroy cluster" });
});

test("its labs are valid, and the environment in the comment is one more lab", async () => {
  await scaffold(join(folder, "labs"));
  const file = join(folder, "labs", "stacks", "labs.ts");
  expect((await openProject({ from: join(folder, "labs") })).labs.map(({ name }) => name)).toEqual(["cluster"]);
  const text = await readFile(file, "utf8");
  const [before = "", after = ""] = text.split(/^(?=\/\/ export const staging)/m);
  await writeFile(file, before + after.replaceAll(/^\/\/ /gm, ""));
  const { labs } = await openProject({ from: join(folder, "labs") });
  expect(labs.map(({ name, hosts }) => [name, hosts.length])).toEqual([
    ["cluster", 6],
    ["staging", 6],
  ]);
});

test("nothing is overwritten, and nothing written where something is in the way", async () => {
  const taken = join(folder, "taken");
  await mkdir(join(taken, "stacks"), { recursive: true });
  await writeFile(join(taken, "package.json"), "mine");
  // A link that leads nowhere would be written through.
  await symlink(join(folder, "elsewhere"), join(taken, "stacks", "labs.ts"));
  await expect(scaffold(taken)).rejects.toMatchObject({
    code: "project.in-the-way",
    what: `${taken} already has package.json, stacks/labs.ts.`,
  });
  expect(await filesOf(taken)).toEqual(["package.json"]);
  expect(await readFile(join(taken, "package.json"), "utf8")).toBe("mine");
});

test("a folder that can't be made is said to be that", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(scaffold(join(folder, "file"))).rejects.toMatchObject({ code: "project.not-scaffolded" });
});

test.each([
  ["Redis Labs (2)", "redis-labs-2"],
  ["redis-lab", "my-redis-labs"],
  ["cdktf", "my-redis-labs"],
  ["___", "my-redis-labs"],
  ["Ümlaut", "mlaut"],
])("a folder %j gives the project the name %j", async (path, name) => {
  expect((await scaffold(join(folder, "named", path))).name).toBe(name);
});

test("the verb prints what comes next, as it can be typed", async () => {
  const main = join(root, "dist", "lib", "cli", "main.js");
  const run = (...args: readonly string[]) => promisify(execFile)(process.execPath, [main, "init", ...args], { cwd: folder });
  const { stdout } = await run("next step");
  expect(stdout).toContain("  cd 'next step'\n");
  // From a checkout the package is not in any registry yet.
  expect(stdout).toContain(`npm install "$(npm pack --silent ${root.replace(/\/$/, "")})"`);
  await expect(run("next step")).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("already has .gitignore, .npmrc") });
  expect(JSON.parse((await run("--json", "other")).stdout)).toMatchObject({ name: "other", origin: { kind: "checkout" } });
});
