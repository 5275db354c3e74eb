import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cacheFolder } from "../../lib/base/cache-folder.ts";
import { nextNetwork } from "../support/addresses.ts";
import { MAIN } from "../support/project.ts";

// The projects below examples/, each as a user has it: copied away, with the packages that its package.json names.

const root = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = ["cluster-here", "own-stack", "sentinel-over-ssh", "two-environments"] as const;
const program = (name: string) => join(root, "node_modules", ".bin", name);
let folder: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "redis-lab-examples-")));
  for (const example of EXAMPLES) {
    await cp(join(root, "examples", example), join(folder, example), { recursive: true });
    const { dependencies, devDependencies = {} } = JSON.parse(await readFile(join(folder, example, "package.json"), "utf8"));
    for (const name of Object.keys({ "@types/node": "", ...dependencies, ...devDependencies })) {
      const link = join(folder, example, "node_modules", name);
      await mkdir(join(link, ".."), { recursive: true });
      await symlink(name === "redis-lab" ? root : join(root, "node_modules", name), link);
    }
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { REDIS_LAB_LABS: _, CDKTF_OUTDIR: __, ...inherited } = process.env;
const environment = { ...inherited, SESSIONS_REDIS_PASSWORD: "of-the-example-1234" };
const run = (example: string, command: string, ...args: readonly string[]) =>
  promisify(execFile)(command, args, { cwd: join(folder, example), env: environment });
const redisLab = (example: string, ...args: readonly string[]) => run(example, process.execPath, MAIN, ...args);

async function stacks(example: string) {
  await run(example, program("jiti"), "stacks/main.ts");
  const out = join(folder, example, "cdktf.out", "stacks");
  const read = async (name: string) => [name, JSON.parse(await readFile(join(out, name, "cdk.tf.json"), "utf8"))] as const;
  return Object.fromEntries(await Promise.all((await readdir(out)).map(read)));
}

test("every example is here, and its README names it", async () => {
  const entries = await readdir(join(root, "examples"), { withFileTypes: true });
  // What is below clients/ are programs, which test/integration/client-under-test.test.ts runs.
  const projects = entries.filter((entry) => entry.isDirectory() && entry.name !== "clients");
  expect(projects.map(({ name }) => name)).toEqual([...EXAMPLES]);
  const readme = await readFile(join(root, "examples", "README.md"), "utf8");
  for (const example of EXAMPLES) expect(readme).toContain(`[${example}](${example})`);
});

test.each(EXAMPLES)("%s: its types are right", async (example) => {
  await run(example, program("tsc"));
});

test("cluster-here: it comes up healthy on this computer, and goes", async () => {
  const file = join(folder, "cluster-here", "stacks", "labs.ts");
  const labs = await readFile(file, "utf8");
  // Another run of this test, or a reader who tries the example, may have its network.
  await writeFile(file, labs.replace("127.0.30.0/24", nextNetwork()));
  try {
    expect((await redisLab("cluster-here", "up", "cluster")).stdout).toContain("cluster on local: healthy");
    const { stdout } = await redisLab("cluster-here", "cli", "cluster", "redis-11", "CONFIG", "GET", "maxmemory-policy");
    expect(stdout).toContain("allkeys-lru");
  } finally {
    await redisLab("cluster-here", "down", "cluster", "--purge", "--yes");
  }
});

test("sentinel-over-ssh: a sentinel host without a server, two services, a password from outside", async () => {
  await redisLab("sentinel-over-ssh", "render", "sessions", "--target", "ssh", "--out", "files");
  const files = join(folder, "sentinel-over-ssh", "files");
  const sentinel = await readFile(join(files, "watch-1", "apps/redis/etc/sentinel.conf"), "utf8");
  expect(sentinel).toMatch(/^sentinel monitor orders 10\.31\.0\.11 6379 2$/m);
  expect(sentinel).toMatch(/^sentinel monitor carts 10\.31\.0\.21 6379 2$/m);
  expect(await readdir(join(files, "watch-1", "apps/redis/etc"))).toEqual(["sentinel.conf"]);
});

test("two-environments: a stack for each, of its own size and with its own state", async () => {
  const { production, staging } = await stacks("two-environments");
  expect(staging.terraform.backend.s3.key).toBe("redis/staging.tfstate");
  expect(production.terraform.backend.s3.key).toBe("redis/production.tfstate");
  const memory = ({ resource }: { resource: { libvirt_domain: Record<string, { memory: number }> } }) => [
    ...new Set(Object.values(resource.libvirt_domain).map((domain) => domain.memory)),
  ];
  expect([memory(staging), memory(production)]).toEqual([[1024], [8192]]);
});

test("own-stack: what Terraform is given is the recorded stack: the lab's VMs, a VM for clients, a disk, an output", async () => {
  const file = join(folder, "own-stack", "stacks", "labs.ts");
  // Whether this computer has KVM is not a part of it.
  const pinned = `libvirt: { hypervisors: [{ name: "local", domainType: "kvm" }] },\n  layout:`;
  await writeFile(file, (await readFile(file, "utf8")).replace("layout:", pinned));
  const { "//": _, ...cache } = (await stacks("own-stack"))["cache"];
  const text = JSON.stringify(cache, null, 2)
    .replaceAll(join(folder, "own-stack"), "PROJECT")
    .replaceAll(cacheFolder(), "CACHE")
    // Key and password are made at the first synth.
    .replaceAll(/[0-9a-f]{64}(?= \(what)/g, "DIGEST")
    .replaceAll(/(?<=seeds\/\S+-)[0-9a-f]{12}(?=\.iso)/g, "DIGEST");
  // After a wanted change: UPDATE_GOLDEN=1 npx vitest run test/package/examples.test.ts, and review the difference.
  const golden = join(root, "test", "golden", "stacks", "own-stack.tf.json");
  if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(golden, `${text}\n`);
  expect(`${text}\n`).toBe(await readFile(golden, "utf8"));
});

test("own-stack: README shows its stack and its app as they are", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  for (const name of ["cache-stack.ts", "main.ts"])
    expect(readme).toContain(`\`\`\`ts\n${await readFile(join(root, "examples", "own-stack", "stacks", name), "utf8")}\`\`\``);
});
