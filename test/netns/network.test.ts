import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { findHolders } from "../../lib/netns/find-holders.ts";
import { LabNetwork } from "../../lib/netns/network.ts";
import { sentinelInput } from "../support/labs.ts";

// Without instances: the network alone, by who runs the tests.

let folder: string;
let open: LabNetwork[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-network-"));
  open = [];
});
afterEach(async () => {
  for (const network of open) await network.remove();
  await rm(folder, { recursive: true });
});

async function networkOf(changes: Partial<LabInput> = {}, bytes?: number): Promise<LabNetwork> {
  const lab = defineLab(sentinelInput(changes));
  const disks = bytes === undefined ? [] : [{ host: "redis-18", folder: join(folder, "data"), bytes }];
  const network = await LabNetwork.open({ lab, folder, file: join(folder, "network.json"), disks });
  open.push(network);
  return network;
}

function run(network: LabNetwork, where: { readonly host: string } | "client", script: string): string {
  const [program = "", ...args] = [...network.enter(where), "sh", "-c", script];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : `${status}: ${stderr.trim()}`;
}

const ADDRESS = "ip -o -4 addr show dev eth0 | awk '{ print $4 }'";

test("is made once, found again, and gone with all that runs in it", async () => {
  const first = await networkOf();
  expect(first.isUp).toBe(false);
  expect(() => first.enter()).toThrow("the lab is down");
  expect(await first.raise()).toContain("4 namespaces");
  expect(await first.raise()).toBeUndefined();
  const second = await networkOf();
  expect(second.isUp).toBe(true);
  expect(await second.raise()).toBeUndefined();
  expect(run(second, { host: "redis-28" }, ADDRESS)).toBe("192.168.1.28/24");
  expect(run(second, "client", `${ADDRESS}; id -u; pwd`)).toBe(`192.168.1.254/24\n0\n${process.cwd()}`);
  expect(run(second, "client", "ls /run/netns | xargs; sleep 600 >/dev/null 2>&1 & ps -A -o comm= | sort | uniq -c | xargs")).toContain(
    "2 sleep",
  );
  expect((await findHolders()).filter((each) => each.folder === folder)).toHaveLength(1);
  expect(await second.remove()).toBe(true);
  expect((await findHolders()).filter((each) => each.folder === folder)).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
  expect(await second.remove()).toBe(false);
});

test("reaps what its daemons leave", async () => {
  const network = await networkOf();
  await network.raise();
  run(network, "client", "(sleep 0.01 &)");
  const zombies = "ps -A -o stat= | grep -c '^Z' || :";
  const deadline = performance.now() + 60_000;
  while (run(network, "client", zombies) !== "0" && performance.now() < deadline);
  expect(run(network, "client", zombies)).toBe("0");
});

test("dials from the bridge and probes from a host, and hands connected sockets over", async () => {
  const network = await networkOf();
  const place = network.placeOf("redis-18");
  expect(await place.dial("192.168.1.28", 7000, 1_000, undefined)).toMatchObject({ failure: "refused" });
  await network.raise();
  const server = "require('node:net').createServer((s) => s.end(s.remoteAddress)).listen(7000, '192.168.1.28')";
  run(network, { host: "redis-28" }, `"${process.execPath}" -e "${server}" >/dev/null 2>&1 </dev/null &`);
  const answer = async () => {
    const dialled = await place.dial("192.168.1.28", 7000, 10_000, undefined);
    if ("failure" in dialled) return dialled.failure;
    let heard = "";
    for await (const chunk of dialled.socket) heard += String(chunk);
    return heard;
  };
  const deadline = performance.now() + 60_000;
  let seen = await answer();
  while (seen === "refused" && performance.now() < deadline) seen = await answer();
  expect(seen).toBe("192.168.1.1");
  expect(await place.probe("192.168.1.28", 7000, 10_000, undefined)).toHaveProperty("socket");
  expect(await place.probe("192.168.1.28", 7001, 10_000, undefined)).toMatchObject({ failure: "refused" });
  expect(await place.probe("192.168.1.77", 7001, 10_000, undefined)).toMatchObject({ failure: "unreachable" });
});

test("follows the lab while it is up: a further host, another address, one that has left", async () => {
  await (await networkOf()).raise();
  const { hosts } = sentinelInput();
  const moved = hosts.map((host) => (host.name === "redis-38" ? { ...host, address: "192.168.1.39" } : host));
  const grown = await networkOf({ hosts: [...moved, { name: "redis-48", address: "192.168.1.48", instances: [] }] });
  expect(await grown.raise()).toBe("redis-38, redis-48");
  expect(run(grown, { host: "redis-48" }, ADDRESS)).toBe("192.168.1.48/24");
  expect(run(grown, { host: "redis-38" }, ADDRESS)).toContain("192.168.1.39/24");
  await grown.takeOut("redis-48");
  expect(run(grown, "client", "ls /run/netns | xargs")).toBe("client redis-18 redis-28 redis-38");
  expect(await grown.raise()).toBe("redis-48");
});

test("gives a folder a file system of its own, which grows and goes", async () => {
  const network = await networkOf({}, 1 << 20);
  await network.raise();
  const size = "df -Pk data | awk 'END { print $2 }'";
  const at = (script: string) => run(network, { host: "redis-18" }, `cd '${folder}' && ${script}`);
  expect(at(size)).toBe("1024");
  at("echo kept > data/file");
  expect(await readdir(join(folder, "data"))).toEqual([]);
  await (await networkOf({}, 2 << 20)).raise();
  expect(at(`${size}; cat data/file`)).toBe("2048\nkept");
  await network.unmount("redis-18");
  expect(at("ls data")).toBe("");
});

test("is not made over files, nor below /run", async () => {
  await expect(LabNetwork.open({ lab: defineLab(sentinelInput()), folder: "/run/user/1/lab", file: "/nowhere" })).rejects.toMatchObject({
    code: "netns.hidden-folder",
  });
  const lab = defineLab(sentinelInput());
  const disks = [{ host: "redis-18", folder: import.meta.dirname, bytes: 1 << 20 }];
  const network = await LabNetwork.open({ lab, folder, file: join(folder, "network.json"), disks });
  await expect(network.raise()).rejects.toMatchObject({ code: "netns.files-below-disk" });
  expect(network.isUp).toBe(false);
});
