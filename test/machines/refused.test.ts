import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { Status } from "../../lib/operations/status.ts";
import { run } from "../support/command.ts";
import { CONTROL, JUMP, type Rig, startMachines } from "./rig/rig.ts";
import { clusterOn, sentinelOn } from "./support/labs.ts";
import { leftBehind } from "./support/machine-files.ts";
import { TestProject } from "./support/project.ts";

// Hosts that can't be reached or do not let us in: each said by name, the others go on, exit code 1.

const HOSTS = ["redis-18", "redis-28", "redis-38"] as const;

let rig: Rig;
let project: TestProject;

beforeAll(async () => {
  rig = await startMachines({ machines: [...HOSTS, JUMP] });
  project = await TestProject.create(await sentinelOn(rig, "5.0.6"));
});

afterEach(async () => {
  await rig.unblock();
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
});

test("another key, or a user without sudo: said for each host, and nothing is touched", async () => {
  const before = await rig.each((machine) => leftBehind(machine));
  const other = join(project.folder, "other-key");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
  await project.declare(await sentinelOn(rig, "5.0.6", { ssh: { keyFile: other } }));
  const key = await project.run("up");
  expect(key.code).toBe(1);
  expect(key.stdout.match(/failed {2}redis-\d+: redis-\d+: root@\S+ accepted none of our keys/g)).toHaveLength(3);
  await project.declare(await sentinelOn(rig, "5.0.6", { ssh: { user: rig.users.plain } }));
  const sudo = await project.run("up");
  expect(sudo.code).toBe(1);
  expect(sudo.stdout.match(/failed {2}redis-\d+: redis-\d+: guest may not run commands as root/g)).toHaveLength(3);
  expect(await rig.each((machine) => leftBehind(machine))).toEqual(before);
});

test("a host that is off: the others are brought up, the table says what is missing", async () => {
  await rig.machine("redis-38").powerCut();
  await project.declare(await sentinelOn(rig, "5.0.6"));
  const up = await project.run("up");
  console.log(`up with a host that is off: ${up.seconds.toFixed(1)} s`);
  expect(up.code).toBe(1);
  expect(up.stdout).toMatch(/^failed {2}redis-38: redis-38: cannot reach root@192\.168\.1\.38: (no answer|unreachable)/m);
  expect(up.stdout).toMatch(/^redis-18 +192\.168\.1\.18:6379 +master/m);
  expect(up.stdout).toMatch(/^redis-28 +192\.168\.1\.28:6379 +replica/m);
  // One line a row, whatever there is to say about it.
  expect(up.stdout).toMatch(
    /^redis-38 +192\.168\.1\.38:6379 +unknown \(silent\) +- +- +redis-38: cannot reach root@192\.168\.1\.38: [a-z ]+\.\nredis-38 /m,
  );
  for (const look of await Promise.all(["status", "doctor", "plan"].map((verb) => project.run(verb)))) {
    expect(look.code).toBe(1);
    expect(look.stdout).toContain("redis-38");
  }
  await rig.machine("redis-38").start();
});

test("hosts behind a jump host", async () => {
  for (const host of HOSTS) await rig.blockPort(CONTROL, host, 22);
  await project.declare(await sentinelOn(rig, "5.0.6", { ssh: { jump: `root@${JUMP.address}` } }));
  const up = await project.up();
  expect(up.status.healthy).toBe(true);
  expect(await project.redis("redis-38:26379", "sentinel", "ckquorum", "mymaster")).toMatch(/^OK 3 usable/);
  expect((await project.run("ssh", ["redis-38", "hostname"])).output).toBe("redis-38\n");
  expect((await project.up()).changed).toBe(0);
});

test("a host with another host key is refused, until its pin is dropped", async () => {
  await project.declare(await sentinelOn(rig, "5.0.6"));
  await rig.machine("redis-38").reset();
  const refused = await project.run("up");
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain("the SSH host key of 192.168.1.38 is not the pinned one");
  expect((await rig.machine("redis-38").tryExec("ls /apps")).code).not.toBe(0);
  expect(refused.stdout).toMatch(/^redis-28 +\S+ +replica/m);
  const [, name = "", file = ""] = /ssh-keygen -R '(\S+)' -f '(\S+)'/.exec(refused.stdout) ?? [];
  await run("ssh-keygen", ["-q", "-R", name, "-f", file]);
  await project.run("up");
  // The others remember the sentinel that was there before the machine was installed again; nobody but a person may make them forget it.
  const watchers = ["redis-18:26379", "redis-28:26379"];
  await untilStatus("the ghosts", ({ findings }) =>
    watchers.every((id) =>
      findings.some(({ code, instance, next }) => code === "ghost-sentinel" && instance === id && next?.includes("SENTINEL RESET")),
    ),
  );
  for (const watcher of watchers) {
    expect(await project.redis(watcher, "sentinel", "reset", "mymaster")).toBe("1");
    await untilStatus(`${watcher} to know all again`, ({ rows }) =>
      rows.some(({ instance, note }) => instance === watcher && note === "2 replicas, 3 sentinels"),
    );
  }
  const up = await project.up();
  expect(up.changed).toBe(0);
  expect(up.status.healthy).toBe(true);
  expect(up.status.rows.filter(({ role }) => role === "replica")).toHaveLength(2);
});

function untilStatus(what: string, isSo: (status: Status) => boolean): Promise<unknown> {
  return waitFor(
    async () => {
      const status = await project.status();
      return isSo(status) ? { done: true, value: undefined } : { done: false, missing: JSON.stringify([status.rows, status.findings]) };
    },
    { what, timeoutMs: 60_000 },
  );
}

test("a closed bus port is named instead of waiting for it", async () => {
  expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
  const { hosts } = await sentinelOn(rig, "5.0.6");
  await project.declare(await clusterOn(rig, "5.0.6", { hosts, layout: { kind: "cluster", masters: [...HOSTS] } }));
  const undo = await Promise.all([rig.blockPort("redis-18", "redis-28", 16_379), rig.blockPort("redis-28", "redis-18", 16_379)]);
  const closed = await project.run("up");
  console.log(`up with a closed bus port: ${closed.seconds.toFixed(1)} s`);
  expect(closed.code).toBe(1);
  expect(closed.output).toContain("16379");
  expect(closed.output).toMatch(/redis-18.*192\.168\.1\.28|redis-28.*192\.168\.1\.18/);
  for (const each of undo) await each();
  const up = await project.up();
  expect(up.status.healthy).toBe(true);
});
