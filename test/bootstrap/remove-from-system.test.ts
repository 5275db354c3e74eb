import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeFromSystem } from "../../lib/bootstrap/remove-from-system.ts";
import type { Connection } from "../../lib/connection/connection.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { BARE, managedPlacement } from "./managed.ts";

// On a folder in the place of the host's /etc; what real machines have left afterwards is in test/machines.

let etc: string;
beforeEach(async () => {
  etc = await mkdtemp(join(tmpdir(), "redis-lab-etc-"));
});
afterEach(() => rm(etc, { recursive: true, force: true }));

/** Runs scripts with another /etc, and notes how systemctl is called. */
function connection(): Connection {
  const local = openLocalConnection("redis-18");
  const calls = join(etc, "calls");
  return {
    ...local,
    host: local.host,
    readFile: async () => undefined,
    async run(script, options) {
      const there = script.replaceAll("/etc/", `${etc}/`);
      const result = await local.run(`systemctl() { echo "$*" >> '${calls}'; }\n${there}`, options);
      return { ...result, stdout: result.stdout.replaceAll(`${etc}/`, "/etc/") };
    },
  };
}

async function put(path: string, text: string): Promise<void> {
  const file = join(etc, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

const unit = (lab: string, prefix = "/apps/redis") =>
  `# Managed by redis-lab: lab ${lab}, instance redis-18:6399. Replaced as a whole\n[Service]\nExecStart=${prefix}/bin/redis-server ${prefix}/etc/redis-6399.conf\n`;

async function remove(): Promise<readonly string[]> {
  const through = connection();
  const [host] = managedPlacement.hosts;
  if (host === undefined) throw new Error("no host");
  return removeFromSystem(through, BARE, managedPlacement, host, async (script, title) => {
    const { exitCode, stderr } = await through.run(script, { title });
    if (exitCode !== 0) throw new Error(`${title}: ${stderr}`);
  });
}

test("units of instances that are declared no more go with their drop-ins, and nothing else does", async () => {
  await put("systemd/system/redis-6399.service", unit("pure"));
  await put("systemd/system/redis-6399.service.d/redis-lab.conf", "# Managed by redis-lab: lab pure, instance redis-18:6399.\n");
  await put("systemd/system/redis-7001.service", unit("pure"));
  await put("systemd/system/redis-7001.service.d/mine.conf", "[Service]\nNice=5\n");
  const stays = {
    "systemd/system/redis-6400.service": unit("pure-two"),
    "systemd/system/redis-6401.service": unit("pure", "/apps/redis-two"),
    "systemd/system/redis.service":
      "[Service]\n# Managed by hand, after redis-lab: lab pure, was here\nExecStart=/apps/redis/bin/redis-server\n",
    "systemd/system/redis-7001.service.d/mine.conf": "[Service]\nNice=5\n",
  };
  for (const [path, text] of Object.entries(stays)) await put(path, text);
  await put("elsewhere", unit("pure"));
  await symlink(join(etc, "elsewhere"), join(etc, "systemd/system/redis-alias.service"));
  expect(await remove()).toEqual([
    "/etc/systemd/system/redis-6399.service",
    "/etc/systemd/system/redis-6399.service.d/redis-lab.conf",
    "/etc/systemd/system/redis-7001.service",
  ]);
  for (const gone of ["redis-6399.service", "redis-6399.service.d", "redis-7001.service"])
    expect(existsSync(join(etc, "systemd/system", gone)), gone).toBe(false);
  for (const [path, text] of Object.entries(stays)) expect(await readFile(join(etc, path), "utf8")).toBe(text);
  expect(existsSync(join(etc, "systemd/system/redis-alias.service"))).toBe(true);
  expect(await readFile(join(etc, "calls"), "utf8")).toBe("--quiet disable redis-6399.service redis-7001.service\ndaemon-reload\n");
});

test("on a host that has nothing of the lab systemctl is not called", async () => {
  await mkdir(join(etc, "systemd/system"), { recursive: true });
  expect(await remove()).toEqual([]);
  expect(existsSync(join(etc, "calls"))).toBe(false);
});
