import { afterAll, beforeAll, expect, test } from "vitest";
import { changedOf, serversIn, smallCluster, type TestProject, testRedis } from "../support/project.ts";
import { OLD, Upgrade } from "../support/upgrade.ts";

// A running cluster gets another Redis: host by host, while a client writes all the time.

// A backlog so small that a replica that missed a moment is sent everything.
const wanted = smallCluster({ redis: testRedis({ "repl-backlog-size": "16kb" }) });
let upgrade: Upgrade;
let project: TestProject;

beforeAll(async () => {
  upgrade = await Upgrade.of(wanted);
  project = upgrade.project;
  await project.write(upgrade.old);
  const planned = await upgrade.planned();
  expect(changedOf(await project.ok(["up", "cluster"])), "as many changes as were planned").toBe(planned);
});
afterAll(() => project.remove());

test("plan says what can't be undone", async () => {
  await project.write(wanted);
  const { stdout } = await project.ok(["plan", "cluster"]);
  expect(stdout).toMatch(/Redis \S+ writes data that 5\.0\.6 can't read: once a host runs it, only a backup leads back/);
  expect(stdout).toContain("redis-lab cluster backup cluster FOLDER");
  expect(await upgrade.versions()).toEqual([OLD]);
});

test("up brings every host to the new version without losing an acknowledged write", async () => {
  const planned = await upgrade.planned();
  const writer = upgrade.writer();
  const result = await project.ok(["up", "cluster"]);
  const { acknowledged, lost } = await writer.stop();
  expect(lost).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
  expect(changedOf(result), "as many changes as were planned").toBe(planned);
  const now = await upgrade.versions();
  expect([now.length, now.includes(OLD)]).toEqual([1, false]);
  // An old master that had followed a newer one for a moment would lack what it did not understand (SET with PXAT), and go on from there after its restart.
  await upgrade.sameKeys();
  expect((await project.ok(["cluster", "check", "cluster"])).stdout).toContain("every slot has an owner, none is open, all nodes agree");
  expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
});

test("the way back over running data is refused before anything is touched, and the way that there is is named", async () => {
  await project.write(upgrade.old);
  const servers = await serversIn(project.folder);
  const result = await project.run(["up", "cluster"]);
  expect(result.code).toBe(1);
  expect(result.stdout + result.stderr).toContain(
    "`redis-lab rebuild cluster` wipes the data, then restore a backup that was made before the upgrade",
  );
  expect(await serversIn(project.folder)).toEqual(servers);
});
