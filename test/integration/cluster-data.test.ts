import { createHash } from "node:crypto";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { dial } from "../cluster/support.ts";
import { CALM_MS, makeProject, smallCluster, type TestProject } from "../support/project.ts";
import { startServer, type TestServer } from "../support/redis.ts";
import { save } from "../support/save.ts";

// `redis-lab cluster backup`, `restore` and `import`, as a user types them: out of a cluster of three masters, into one of four.

const lab = smallCluster();
const other = smallCluster({
  name: "other",
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48]),
  layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38", "redis-48"], nodeTimeoutMs: CALM_MS },
});
const KEYS = 500;
const names = Array.from({ length: KEYS }, (_, index) => `key:${index}`);
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab, other);
  await Promise.all([project.ok(["up", "cluster"]), project.ok(["up", "other"])]);
  await send(lab, (name) => ["SET", name, `value of ${name}`]);
});
afterAll(() => project.remove());

/** A command for each key, at the master that owns it. */
async function send(to: LabInput, command: (name: string) => readonly string[], keys = names): Promise<Map<string, string>> {
  const { shards } = JSON.parse((await project.ok(["cluster", "topology", to.name, "--json"])).stdout) as {
    readonly shards: readonly {
      readonly master: { readonly instance: string };
      readonly slots: readonly { first: number; last: number }[];
    }[];
  };
  const replies = new Map<string, string>();
  for (const { master, slots } of shards) {
    const mine = keys.filter((name) => slots.some(({ first, last }) => first <= keySlot(name) && keySlot(name) <= last));
    const client = await project.client(to, master.instance);
    for (const [index, reply] of (await client.callAll(mine.map(command))).entries()) replies.set(mine[index] ?? "", String(reply));
    client.close();
  }
  return replies;
}

const digest = (values: ReadonlyMap<string, string>) =>
  createHash("sha256")
    .update(JSON.stringify([...values].sort(([a], [b]) => a.localeCompare(b))))
    .digest("hex");
const valuesOf = async (of: LabInput, keys = names) => digest(await send(of, (name) => ["GET", name], keys));

describe("a backup", () => {
  test("has an RDB of every master, is found whole, and loads", async () => {
    const { stdout } = await project.ok(["cluster", "backup", "cluster", "monday"]);
    expect(stdout).toContain(`${KEYS} keys`);
    expect((await readdir(join(project.folder, "monday"))).filter((name) => name.endsWith(".rdb"))).toHaveLength(3);
    const checked = (await project.ok(["cluster", "backup", "cluster", "monday", "--check", "--load"])).stdout;
    expect([...checked.matchAll(/\.rdb: (\d+) keys in /g)].reduce((sum, [, keys]) => sum + Number(keys), 0)).toBe(KEYS);
    expect(checked).toMatch(/monday: the backup of \S+ is whole$/m);
    const again = await project.run(["cluster", "backup", "cluster", "monday"]);
    expect([again.code, again.stderr]).toEqual([64, expect.stringContaining("monday")]);
  });

  test("comes into a cluster with another number of masters, key for key", async () => {
    await project.ok(["cluster", "restore", "other", "monday", "--compare", "all"]);
    expect(await valuesOf(other)).toBe(await valuesOf(lab));
    const again = await project.run(["cluster", "restore", "other", "monday"]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("--replace")]);
    await send(other, (name) => ["SET", name, "another value"], names.slice(0, 50));
    await project.ok(["cluster", "restore", "other", "monday", "--replace", "--json"]);
    expect(await valuesOf(other)).toBe(await valuesOf(lab));
  });

  test("that was damaged is refused, and nothing of it arrives", async () => {
    await project.ok(["cluster", "backup", "cluster", "tuesday", "--json"]);
    const [file = ""] = (await readdir(join(project.folder, "tuesday"))).filter((name) => name.endsWith(".rdb"));
    const path = join(project.folder, "tuesday", file);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(path, bytes);
    for (const words of [
      ["backup", "cluster", "tuesday", "--check"],
      ["restore", "other", "tuesday", "--replace"],
    ]) {
      const result = await project.run(["cluster", ...words, "--json"]);
      expect([result.code, result.stdout + result.stderr]).toEqual([1, expect.stringContaining(file)]);
    }
  });
});

describe("an import", () => {
  const PASSWORD = "the-password-of-the-source";
  let source: TestServer;
  const atSource = async (...command: readonly string[]) => {
    const client = await connectRedis(source, dial, { passwords: [PASSWORD], timeoutMs: 60_000 });
    try {
      return await client.call(command);
    } finally {
      client.close();
    }
  };
  const from = () => ["--from", `${source.address}:${source.port}`];

  beforeAll(async () => {
    source = await startServer({ config: `requirepass ${PASSWORD}` });
    for (let index = 0; index < 100; index += 1) await atSource("SET", `imported:${index}`, `value ${index}`);
  });
  afterAll(() => source?.stop());

  test("asks for the password of the source, and takes it from a file", async () => {
    const without = await project.run(["cluster", "import", "cluster", ...from(), "--copy"]);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining("--from-password-file")]);
    const file = join(project.folder, "source-password");
    await writeFile(file, `${PASSWORD}\n`, { mode: 0o644 });
    const open = await project.run(["cluster", "import", "cluster", ...from(), "--copy", "--from-password-file", file]);
    expect([open.code, open.stderr.replaceAll(/\s+/g, " ")]).toEqual([
      1,
      expect.stringContaining("others on this computer may read or change it (mode 0644)"),
    ]);
    await chmod(file, 0o600);
    const { stdout, stderr } = await project.ok(["cluster", "import", "cluster", ...from(), "--copy", "--from-password-file", file]);
    expect(stdout + stderr).not.toContain(PASSWORD);
    expect(await atSource("DBSIZE")).toBe(100);
    const imported = Array.from({ length: 100 }, (_, index) => `imported:${index}`);
    const there = await send(lab, (name) => ["GET", name], imported);
    expect(imported.filter((name, index) => there.get(name) !== `value ${index}`)).toEqual([]);
  });

  test("leaves a key that the cluster has with another value where it is, and names it", async () => {
    await send(lab, (name) => ["SET", name, "of the cluster"], ["imported:7"]);
    const result = await project.run(["cluster", "import", "cluster", ...from(), "--json"], { env: { REDIS_LAB_FROM_PASSWORD: PASSWORD } });
    expect([result.code, result.stdout + result.stderr]).toEqual([1, expect.stringContaining("imported:7")]);
    expect((await send(lab, (name) => ["GET", name], ["imported:7"])).get("imported:7")).toBe("of the cluster");
    expect(await atSource("GET", "imported:7")).toBe("value 7");
    // All others had arrived before, so they go from the source now.
    expect(await atSource("DBSIZE")).toBe(1);
  });

  test("of a file goes through a server that ends with it", async () => {
    await atSource("SET", "from:file", "there");
    await save(atSource);
    await project.ok(["cluster", "import", "other", "--from", join(source.folder, "dump.rdb")]);
    expect((await send(other, (name) => ["GET", name], ["from:file"])).get("from:file")).toBe("there");
  });
});
