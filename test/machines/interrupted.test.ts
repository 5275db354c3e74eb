import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Rig, startMachines } from "./rig/rig.ts";
import { expectCluster } from "./support/expect-layout.ts";
import { clusterOn } from "./support/labs.ts";
import { leftBehind } from "./support/machine-files.ts";
import { type RunningCli, TestProject } from "./support/project.ts";

// An `up` that is killed, or that loses a host in the middle: the next one continues, and ends where an undisturbed one does.

let rig: Rig;
let cache: string;
let project: TestProject;
let bareFiles: (readonly string[])[];
let undisturbed: (readonly string[])[];

beforeAll(async () => {
  rig = await startMachines();
  cache = await mkdtemp(join(tmpdir(), "redis-lab-cache-"));
  project = await TestProject.create(await clusterOn(rig, "5.0.6"), cache);
  bareFiles = await files();
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
  if (cache !== undefined) await rm(cache, { recursive: true, force: true });
});

/** What stands on each machine; data come and go with the saves. */
async function files(): Promise<(readonly string[])[]> {
  const all = await rig.each((machine) => leftBehind(machine));
  return all.map((lines) => lines.filter((line) => !/ \/apps\/redis\/(data|run)\//.test(line)));
}

/** The step that a line of progress tells of. */
function stepOf(line: string): string | undefined {
  return /^(?:redis-\d+|lab) ([a-z-]+)(?: started| changed|:)/.exec(line)?.[1];
}

test("killed at the first sign of every step, and continued to the end", async () => {
  const killed = new Set<string>();
  const begin = performance.now();
  for (;;) {
    const result = await project.run("up", [], {
      onLine(line, cli) {
        const step = stepOf(line);
        if (step === undefined || killed.has(step)) return;
        killed.add(step);
        cli.kill();
      },
    });
    if (result.code === 0) break;
    expect(result.code).toBe(137);
  }
  console.log(`killed at ${[...killed].join(" ")}, ${((performance.now() - begin) / 1000).toFixed(1)} s in all`);
  for (const step of ["sysctl", "thp", "user", "folders", "hosts-file", "build", "install", "files", "units", "start"]) {
    expect([...killed]).toContain(step);
  }
  await expectCluster(project);
  expect((await project.up()).changed).toBe(0);
  for (const machine of Object.values(rig.machines)) {
    expect(await machine.exec("find /tmp /var/tmp /apps -name '*redis-lab*' ! -name .redis-lab")).toBe("");
  }
});

test("the machines are as after an undisturbed run, and a purge finds all of it", async () => {
  const disturbed = await files();
  await project.shareCache();
  expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
  expect(await files()).toEqual(bareFiles);
  const up = await project.up();
  console.log(`cluster with the build cached: ${up.seconds.toFixed(1)} s`);
  undisturbed = await files();
  expect(disturbed).toEqual(undisturbed);
});

/** Does something to the machines at a line of progress, while redis-lab stands still, so that it does not get on before that is done. */
async function meanwhile(cli: RunningCli, what: () => Promise<unknown>): Promise<void> {
  cli.kill("SIGSTOP");
  try {
    await what();
  } finally {
    cli.kill("SIGCONT");
  }
}

/** Ends the session in the middle of a command, whichever is the next: between two of them redis-lab would connect again, and nothing would be lost. */
const END_SESSION = `session=$(pgrep -f '^sshd: root@notty')
while sleep 0.01; do
  for command in $(pgrep -P "$session"); do
    kill -STOP "$command"
    if grep -q '^State:.T' "/proc/$command/status"; then kill -KILL "$session"; kill -CONT "$command"; exit; fi
  done
done`;

test("sshd ends a session in the middle: an error for that host, the others go on, the next run completes", async () => {
  expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
  const machine = rig.machine("redis-48");
  let cut: Promise<unknown> | undefined;
  const result = await project.run("up", [], {
    onLine(line, cli) {
      if (line.startsWith("redis-48 folders")) cut ??= meanwhile(cli, () => machine.exec(`(${END_SESSION}) >/dev/null 2>&1 </dev/null &`));
    },
  });
  await cut;
  expect(result.code).toBe(1);
  expect(result.stdout).toMatch(/^failed {2}redis-48 at [a-z-]+: redis-48: the connection was lost/m);
  expect(result.stderr.match(/^redis-\d+ start changed/gm)).toHaveLength(6);
  expect((await project.up()).status.healthy).toBe(true);
  await expectCluster(project);
  expect(await files()).toEqual(undisturbed);
});

test("a cable pulled in the middle: an error for that host, the others go on, the next run completes", async () => {
  expect((await project.run("down", ["--purge", "--yes"])).code).toBe(0);
  const machine = rig.machine("redis-58");
  let cut: Promise<unknown> | undefined;
  const result = await project.run("up", [], {
    onLine(line, cli) {
      if (line.startsWith("redis-58 sysctl")) cut ??= meanwhile(cli, () => machine.linkDown());
    },
  });
  await cut;
  console.log(`up that loses a host: ${result.seconds.toFixed(1)} s`);
  expect(result.code).toBe(1);
  expect(result.stdout).toMatch(/^failed {2}redis-58 at [a-z-]+: redis-58: the connection was lost/m);
  expect(result.stdout).toMatch(/^redis-58 +192\.168\.1\.58:6379 +unknown \(silent\) +- +- +- +redis-58: cannot reach/m);
  await machine.linkUp();
  expect((await project.up()).status.healthy).toBe(true);
  await expectCluster(project);
  expect(await files()).toEqual(undisturbed);
});
