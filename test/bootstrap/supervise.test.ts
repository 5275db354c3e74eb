import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { factsQuestion, factsScript } from "../../lib/bootstrap/facts-script.ts";
import { openSupervisor } from "../../lib/bootstrap/supervise.ts";
import type { Supervisor } from "../../lib/bootstrap/supervised.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import type { PlacedInstance } from "../../lib/lab/placement.ts";
import { answers, Bootstrap, makeLab, SECRETS, temporaryFolder } from "./support.ts";

describe("the supervisor of this computer, with real servers", () => {
  let boot: Bootstrap;
  let instance: PlacedInstance;
  let supervisor: Supervisor;
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );

  beforeEach(async () => {
    const folder = await temporaryFolder();
    boot = new Bootstrap(folder, await makeLab(folder));
    await boot.up();
    const { placement } = boot;
    const [host] = placement.hosts;
    instance = host!.instances[0]!;
    supervisor = openSupervisor(
      openLocalConnection(host!.name),
      { placement, host: host!, secrets: SECRETS },
      { ready: answers, startTimeoutMs: 60_000 },
    );
  });
  afterEach(() => boot.clean());

  const pid = async () => (await supervisor.state(instance)).process?.pid;
  const record = () => `${boot.placement.hosts[0]!.paths.prefix}/.redis-lab/started-6379`;

  it("ends it with its data saved, and starts it again as another process", async () => {
    const before = await pid();
    await supervisor.stop(instance);
    expect(await readFile(instance.logFile, "utf8")).toMatch(/DB saved on disk[\s\S]*bye bye/);
    expect(await supervisor.state(instance)).toMatchObject({ process: undefined, stalePidFile: false });
    await supervisor.stop(instance);
    await supervisor.start(instance);
    const after = await pid();
    expect(after).not.toBe(before);
    await supervisor.restart(instance);
    expect(await pid()).not.toBe(after);
  });

  it("knows a process by its pid file when it was killed before the start was recorded", async () => {
    await rm(record());
    expect(await supervisor.state(instance)).toMatchObject({ provenBy: "pid-file" });
    const before = await pid();
    await supervisor.start(instance);
    expect(await pid()).toBe(before);
    expect(await supervisor.state(instance)).toMatchObject({ provenBy: "record" });
  });

  it("knows a process that listens on our port though both files are gone", async () => {
    await rm(record());
    await rm(instance.pidFile);
    expect(await supervisor.state(instance)).toMatchObject({ provenBy: "listener" });
    // What a process has open is looked at, and never taken for commands.
    const script = factsScript(factsQuestion(boot.placement, boot.placement.hosts[0]!));
    await writeFile(instance.pidFile, `${await pid()}\n`);
    expect(await openLocalConnection("redis-18").run(script, { title: "look" })).toMatchObject({ exitCode: 0, stderr: "" });
    await supervisor.stop(instance);
    expect(await pid()).toBeUndefined();
  });

  it("knows a process whose program was replaced", async () => {
    const { paths } = boot.placement.hosts[0]!;
    await rm(`${paths.prefix}/builds`, { recursive: true });
    expect((await supervisor.state(instance)).process?.exe).toMatch(/\(deleted\)$/);
    await supervisor.stop(instance);
  });

  it("clears a stale pid file, and leaves a foreign process alone that has its number", async () => {
    const before = await pid();
    process.kill(before!, "SIGKILL");
    await expect.poll(() => supervisor.state(instance), { timeout: 60_000 }).toMatchObject({ process: undefined });
    const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
    try {
      await writeFile(instance.pidFile, `${sleeper.pid}\n`);
      await writeFile(record(), `${sleeper.pid} 1 x\n`);
      expect(await supervisor.state(instance)).toMatchObject({ process: undefined, stalePidFile: true });
      await supervisor.stop(instance);
      expect(sleeper.exitCode).toBeNull();
      expect(sleeper.signalCode).toBeNull();
      expect(await exists(instance.pidFile)).toBe(false);
      await supervisor.start(instance);
      expect(await pid()).not.toBe(before);
    } finally {
      sleeper.kill();
      await once(sleeper, "exit").catch(() => {});
    }
  });

  it("shows the end of the log of a start that dies, with the password masked", async () => {
    await supervisor.stop(instance);
    await writeFile(instance.configFile, `${await readFile(instance.configFile, "utf8")}\nrequirepass ${SECRETS.password} x\n`);
    const failure = await supervisor.start(instance).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ code: "bootstrap.start-failed" });
    expect((failure as Error).message).toContain("FATAL CONFIG FILE ERROR");
    expect((failure as Error).message).not.toContain(SECRETS.password);
  });

  it("shows the end of the log of a daemon that dies after its parent has ended", async () => {
    await supervisor.stop(instance);
    await rm(`${boot.placement.hosts[0]!.paths.data}/nodes-6379.conf`, { force: true });
    await mkdir(`${boot.placement.hosts[0]!.paths.data}/nodes-6379.conf`);
    await expect(supervisor.start(instance)).rejects.toMatchObject({
      code: "bootstrap.start-failed",
      why: expect.stringContaining("nodes-6379.conf"),
    });
  });

  it("says who has the port, and refuses it in the plan", async () => {
    await supervisor.stop(instance);
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(instance.port + 10_000, instance.address, resolve));
    try {
      const text = `port 16379 of ${instance.address} is taken by `;
      await expect(supervisor.start(instance)).rejects.toMatchObject({
        code: "bootstrap.not-our-process",
        what: expect.stringContaining(text),
      });
      const plan = (await boot.plan()).tasks[0]!.plan;
      expect(plan.refusals).toMatchObject([
        { code: "bootstrap.port-taken", text: expect.stringMatching(new RegExp(`${text}.*process ${process.pid},`)) },
      ]);
    } finally {
      listener.close();
    }
  });

  it("plans a restart for a process of another build, and for one that is marked", async () => {
    const { paths } = boot.placement.hosts[0]!;
    boot.lab = { ...boot.lab, redis: { ...boot.lab.redis, makeFlags: ["MALLOC=libc"] } };
    const { plans } = await boot.up();
    expect(plans[0]!.restarts).toEqual([{ instance: "redis-18:6379", reason: "other-build" }]);
    expect((await boot.plan()).tasks[0]!.plan).toMatchObject({ changes: [], restarts: [{ reason: "other-build" }] });
    await supervisor.restart(instance);
    expect((await boot.plan()).tasks[0]!.plan.restarts).toEqual([]);
    const running = (await supervisor.state(instance)).process!;
    await writeFile(`${paths.prefix}/.redis-lab/restart-6379`, `${running.pid} ${running.start} ${running.boot} configuration\n`);
    expect((await boot.plan()).tasks[0]!.plan.restarts).toEqual([{ instance: "redis-18:6379", reason: "configuration" }]);
    await supervisor.restart(instance);
    expect((await boot.plan()).tasks[0]!.plan.restarts).toEqual([]);
  });
});
