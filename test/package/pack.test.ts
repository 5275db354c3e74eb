import { execFile } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

const LABS = `import { defineLab, numberedHosts, type Lab } from "redis-lab";

const base: Lab = defineLab({
  name: "mine",
  network: { cidr: "10.9.8.0/24", loopback: "127.9.8.0/24" },
  hosts: numberedHosts("10.9.8", [11, 12, 13]),
  layout: { kind: "sentinel", masters: [{ name: "orders", master: "redis-11", replicas: ["redis-12", "redis-13"] }], sentinels: ["redis-11", "redis-12", "redis-13"] },
});
export const labs = [base, defineLab({ ...base, name: "staging", network: { ...base.network, loopback: "127.9.9.0/24" } })];
`;

const PROGRAM = `import { cluster, type Documents, type LabOptions, plan, status, up, type UpReport } from "redis-lab";
import { labs } from "./labs.ts";

const options: LabOptions = { folder: "..", target: "local", onEvent: ({ type }) => void type };
export async function main(): Promise<readonly string[]> {
  const [lab] = labs;
  if (lab === undefined) return [];
  const report: UpReport = await up(lab, options);
  const { changes } = await plan(lab, options);
  const { moved } = await cluster.reshard(lab, { ...options, from: "all", to: "redis-11", slots: changes, move: { throttle: { maxLatencyMs: 5 } } });
  return [report.version, String(moved?.keys), ...(await status(lab)).rows.map(({ address }) => address)];
}
export const read = (text: string): Documents["cluster check"] => JSON.parse(text);
// @ts-expect-error a reshard has a number of slots
export const wrong = () => cluster.reshard(labs[0]!, { from: "all", to: "redis-11" });
`;

/** A project of a user's own: the package from its tarball, in an empty folder, with a labs file of its own. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-package-"));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const project = join(folder, "project");
  await mkdir(join(project, "stacks"), { recursive: true });
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  await writeFile(join(project, "stacks", "labs.ts"), LABS);
  await run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", join(folder, tarball ?? "")], {
    cwd: project,
  });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const redisLab = (...args: readonly string[]) =>
  run("npx", ["--no-install", "redis-lab", ...args], { cwd: join(folder, "project"), env: { ...process.env, REDIS_LAB_LABS: undefined } });

test("the installed command knows the labs of the project", async () => {
  const { stdout } = await redisLab("inventory", "staging", "--format", "uri");
  expect(stdout).toBe("redis+sentinel://127.9.9.11:26379,127.9.9.12:26379,127.9.9.13:26379/orders/0\n");
});

test("it renders from its own templates", async () => {
  await redisLab("render", "mine", "redis-12", "--target", "ssh", "--out", "out");
  const conf = await readFile(join(folder, "project", "out", "redis-12", "apps", "redis", "etc", "redis.conf"), "utf8");
  expect(conf).toContain("slaveof 10.9.8.11 6379");
  expect(conf).not.toMatch(/requirepass [A-Za-z0-9]/);
});

test("it can be imported with its types", async () => {
  await writeFile(join(folder, "project", "stacks", "program.ts"), PROGRAM);
  await writeFile(
    join(folder, "project", "tsconfig.json"),
    JSON.stringify({
      // What a program gets is typed with Node's own types, and with none besides.
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        types: ["node"],
        typeRoots: [join(root, "node_modules", "@types")],
      },
      include: ["stacks"],
    }),
  );
  await run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "."], { cwd: join(folder, "project") });
  const { stdout } = await run(
    process.execPath,
    ["--input-type=module", "-e", "import { cluster, up } from 'redis-lab'; console.log(typeof cluster.reshard, typeof up)"],
    { cwd: join(folder, "project") },
  );
  expect(stdout).toBe("function function\n");
});

test("the package holds what runs and nothing else", async () => {
  const installed = await readdir(join(folder, "project", "node_modules", "redis-lab"));
  expect(installed.sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "dist",
    "node_modules",
    "package.json",
    "templates",
  ]);
  const compiled = await readdir(join(folder, "project", "node_modules", "redis-lab", "dist"));
  expect(compiled.sort()).toEqual(["lib", "stacks"]);
  // The labs and the app are those of the project, never of the checkout that the package came from.
  const stacks = await readdir(join(folder, "project", "node_modules", "redis-lab", "dist", "stacks"));
  expect(stacks.filter((name) => /^(labs|main)\./.test(name))).toEqual([]);
});

test("it brings the bindings of the libvirt provider along, and leaves cdktf to those who deploy VMs", async () => {
  const modules = join(folder, "project", "node_modules");
  const bundled = join(modules, "redis-lab", "node_modules", "@cdktf", "provider-libvirt");
  expect((await lstat(bundled)).isDirectory()).toBe(true);
  expect((await readdir(bundled)).sort()).toEqual(["LICENSE", "NOTICE", "README.md", "lib", "package.json"]);
  expect(await readdir(join(bundled, "lib", "domain"))).toEqual(["index.d.ts", "index.js"]);
  expect((await readdir(modules)).filter((name) => /^(cdktf|constructs|@cdktf)$/.test(name))).toEqual([]);
});
