import { afterAll, beforeAll, expect, test } from "vitest";
import { changedOf, makeProject, serversIn, smallCluster, type TestProject } from "../support/project.ts";
import { testSource } from "../support/sources.ts";
import { startWriter } from "../support/writer.ts";

// A running cluster gets another Redis: host by host, while a client writes all the time.

const wanted = smallCluster();
const OLD = "5.0.6";
let old: typeof wanted;
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  const { version, path, sha256, makeFlags } = await testSource(OLD);
  old = { ...wanted, redis: { version, makeFlags: [...makeFlags], source: { kind: "file", path, sha256 } } };
  await project.write(old);
  await project.ok(["up", "cluster"]);
});
afterAll(() => project.remove());

const versions = async (): Promise<readonly string[]> =>
  (JSON.parse((await project.run(["status", "cluster", "--json"])).stdout).rows as { version: string }[]).map(({ version }) => version);

test("plan says what can't be undone", async () => {
  await project.write(wanted);
  const { stdout } = await project.ok(["plan", "cluster"]);
  expect(stdout).toMatch(/Redis \S+ writes data that 5\.0\.6 can't read: once a host runs it, only a backup leads back/);
  expect(stdout).toContain("redis-lab cluster backup cluster FOLDER");
  expect(new Set(await versions())).toEqual(new Set([OLD]));
});

test("up brings every host to the new version without losing an acknowledged write", { timeout: 180_000 }, async () => {
  const network = wanted.network.loopback.replace(/\.0\/24$/, "");
  const writer = startWriter({
    endpoints: [18, 28, 38, 48, 58, 68].map((number) => `${network}.${number}:6379`),
    passwords: async () => [await project.password("cluster")],
  });
  const result = await project.ok(["up", "cluster"]);
  const { acknowledged, lost } = await writer.stop();
  expect(lost).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
  expect(changedOf(result)).toBeGreaterThan(0);
  const now = new Set(await versions());
  expect([now.size, now.has(OLD)]).toEqual([1, false]);
  expect((await project.ok(["cluster", "check", "cluster"])).stdout).toContain("every slot has an owner, none is open, all nodes agree");
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("the way back over running data is refused before anything is touched, and the way that there is is named", async () => {
  await project.write(old);
  const servers = await serversIn(project.folder);
  const result = await project.run(["up", "cluster"]);
  expect(result.code).toBe(1);
  expect(result.stdout + result.stderr).toContain(
    "`redis-lab rebuild cluster` wipes the data, then restore a backup that was made before the upgrade",
  );
  expect(await serversIn(project.folder)).toEqual(servers);
});
