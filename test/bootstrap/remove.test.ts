import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeConfiguration } from "../../lib/bootstrap/configuration.ts";
import { removeHost } from "../../lib/bootstrap/remove.ts";
import { openSupervisor } from "../../lib/bootstrap/supervise.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { answers, Bootstrap, makeLab, SECRETS, temporaryFolder } from "./support.ts";

describe("removeHost", () => {
  let boot: Bootstrap;
  beforeEach(async () => {
    const folder = await temporaryFolder();
    boot = new Bootstrap(folder, await makeLab(folder));
  });
  afterEach(() => boot.clean());

  const remove = async (keepBuild: boolean) => {
    const { placement } = boot;
    const host = placement.hosts[0]!;
    const connection = openLocalConnection(host.name);
    await openSupervisor(connection, { placement, host, secrets: SECRETS }, { ready: answers }).stop(host.instances[0]!);
    const { facts } = (await boot.observe())[0]!;
    return removeHost(connection, facts, placement, host, { keepBuild });
  };

  it("refuses while an instance runs", async () => {
    await boot.up();
    const { host, connection, facts } = (await boot.observe())[0]!;
    await expect(removeHost(connection, facts, boot.placement, host)).rejects.toMatchObject({ code: "bootstrap.not-our-process" });
  });

  it("removes everything that it made", async () => {
    await boot.up();
    await remove(false);
    expect(existsSync(`${boot.folder}/hosts/redis-18`)).toBe(false);
    expect((await boot.up()).outcomes.every(({ ok }) => ok)).toBe(true);
  });

  it("keeps the compiled programs for a rebuild", async () => {
    await boot.up();
    await remove(true);
    const { plans, outcomes } = await boot.up();
    expect(plans[0]!.changes.map(({ step }) => step)).not.toContain("install");
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
  });

  it("leaves what was in its folders before, and nothing with a password", async () => {
    const { data, etc } = boot.placement.hosts[0]!.paths;
    for (const folder of [data, etc]) {
      await mkdir(folder, { recursive: true });
      await writeFile(`${folder}/thesis.txt`, "years");
    }
    await boot.up();
    // As a write over SSH leaves it that is cut off between its file and the rename.
    await writeFile(`${etc}/.redis.conf.a1B2c3D4e5`, "requirepass x\n");
    const users = [".redis.conf.swp", "redis.conf.backup", "redis.conf.before"];
    for (const name of users) await writeFile(`${etc}/${name}`, "the user's");
    await remove(false);
    expect(await readdir(data)).toEqual(["thesis.txt"]);
    expect((await readdir(etc)).sort()).toEqual([...users, "thesis.txt"].sort());
  });
});

describe("writeConfiguration", () => {
  it("merges around what Redis wrote and marks the process for a restart", async () => {
    const folder = await temporaryFolder();
    const boot = new Bootstrap(folder, await makeLab(folder));
    try {
      await boot.up();
      boot.lab = { ...boot.lab, redis: { ...boot.lab.redis, settings: { ...boot.lab.redis.settings, databases: 3 } } };
      const { placement, tasks } = await boot.plan();
      const { host, connection, facts } = tasks[0]!;
      const instance = host.instances[0]!;
      await writeFile(instance.configFile, `${await readFile(instance.configFile, "utf8")}slowlog-max-len 64\n`);
      await writeConfiguration(connection, facts, { placement, host, secrets: SECRETS }, instance, { needsRestart: true });
      expect(await readFile(instance.configFile, "utf8")).toMatch(/slowlog-max-len 64\n[\s\S]*databases 3\n/);
      const plan = (await boot.plan()).tasks[0]!.plan;
      expect(plan).toMatchObject({ changes: [], reconfigure: [], restarts: [{ instance: "redis-18:6379", reason: "configuration" }] });
    } finally {
      await boot.clean();
    }
  });
});
