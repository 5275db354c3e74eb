import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CONTROL, JUMP, type Rig, SEVEN, startMachines } from "./rig/rig.ts";

let rig: Rig;
let startedInMs = 0;

beforeAll(async () => {
  const begin = performance.now();
  rig = await startMachines({ machines: [...SEVEN, JUMP, { name: "bare", address: "192.168.1.99", bare: true }] });
  startedInMs = performance.now() - begin;
});

afterAll(async () => {
  await rig?.stop();
});

/** What a TCP client sees within three seconds. */
function probe(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 3_000 });
    const end = (seen: string) => {
      socket.destroy();
      resolve(seen);
    };
    socket.once("connect", () => end("open"));
    socket.once("timeout", () => end("silence"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? "error"));
  });
}

test("nine machines answer SSH with their own names, with systemd running", async () => {
  console.log(`nine machines in ${(startedInMs / 1000).toFixed(1)} s`);
  const names = await rig.each(async (machine) => {
    const result = await rig.ssh(machine.name, "hostname; systemctl is-system-running --wait");
    return `${result.stdout}${result.stderr}`.trim();
  });
  expect(names).toEqual([...SEVEN, "jump", "bare"].map((name) => `${name}\nrunning`));
});

test("centos is root by sudo, guest is not", async () => {
  expect((await rig.ssh("redis-18", "sudo -n id -u", { user: rig.users.sudo })).stdout).toBe("0\n");
  expect((await rig.ssh("redis-18", "sudo -n id -u", { user: rig.users.plain })).code).not.toBe(0);
});

test("kernel settings take writes and go back to the defaults by a reboot", async () => {
  const machine = rig.machine("redis-18");
  const read = () => machine.exec("sysctl -n vm.overcommit_memory net.core.somaxconn; cat /sys/kernel/mm/transparent_hugepage/enabled");
  const before = await read();
  await machine.exec("sysctl -qw vm.overcommit_memory=1 net.core.somaxconn=512; echo never > /sys/kernel/mm/transparent_hugepage/enabled");
  expect(await read()).toBe("1\n512\nnever\n");
  await machine.exec("echo kept > /root/kept");
  await machine.reboot();
  expect(await machine.exec("cat /root/kept")).toBe("kept\n");
  expect(await read()).toContain(before.split("\n")[2]);
  expect(await machine.exec("systemctl is-system-running --wait")).toBe("running\n");
});

test("a reboot asked for over SSH comes back too", async () => {
  await rig.ssh("redis-28", "echo 1 > /run/gone; systemctl reboot");
  await expect
    .poll(async () => (await rig.ssh("redis-28", "ls /run/gone", { timeoutS: 5 })).stderr, { timeout: 300_000 })
    .toContain("No such file");
});

test("a power cut is silence, and the disk survives it", async () => {
  const machine = rig.machine("redis-38");
  await machine.exec("echo kept > /root/kept");
  await machine.powerCut();
  expect(machine.running).toBe(false);
  expect(await probe(machine.address, 22)).toMatch(/silence|EHOSTUNREACH/);
  await machine.start();
  expect((await rig.ssh("redis-38", "cat /root/kept")).stdout).toBe("kept\n");
});

test("a pulled cable is silence until it is back", async () => {
  const machine = rig.machine("redis-48");
  await machine.linkDown();
  expect(await probe(machine.address, 22)).toMatch(/silence|EHOSTUNREACH/);
  await machine.linkUp();
  await machine.waitForSsh();
});

test("a blocked port is silent one way and for one pair only", async () => {
  const knock = (from: string, address: string) =>
    rig.machine(from).tryExec(`python3 -c 'import socket; socket.create_connection(("${address}", 22), 3)'`);
  const undo = await rig.blockPort("redis-18", "redis-28", 22);
  expect((await knock("redis-18", "192.168.1.28")).stderr).toContain("timed out");
  expect((await knock("redis-28", "192.168.1.18")).code).toBe(0);
  expect((await knock("redis-18", "192.168.1.38")).code).toBe(0);
  await undo();
  expect((await knock("redis-18", "192.168.1.28")).code).toBe(0);
});

test("a machine behind a jump host", async () => {
  const undo = await rig.blockPort(CONTROL, "redis-58", 22);
  expect(await probe("192.168.1.58", 22)).toBe("silence");
  expect((await rig.ssh("redis-58", "hostname", { jump: "jump" })).stdout).toBe("redis-58\n");
  await undo();
  expect(await probe("192.168.1.58", 22)).toBe("open");
});

test("a bare machine has no compiler and can install one from its own package source", async () => {
  const machine = rig.machine("bare");
  expect((await machine.tryExec("command -v gcc make")).code).not.toBe(0);
  await machine.exec(
    "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends gcc make libc6-dev",
  );
  expect(await machine.exec("gcc -dumpversion")).toMatch(/^\d+/);
  expect(await rig.machine("redis-18").exec("gcc -dumpversion")).toMatch(/^\d+/);
});

test("a reset leaves nothing of the old machine", async () => {
  const machine = rig.machine("redis-68");
  const key = await machine.exec("cat /etc/ssh/ssh_host_ed25519_key.pub; echo old > /root/old");
  const begin = performance.now();
  await machine.reset();
  console.log(`reset in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  expect((await machine.tryExec("ls /root/old")).code).not.toBe(0);
  expect(await machine.exec("cat /etc/ssh/ssh_host_ed25519_key.pub")).not.toBe(key);
});

test("what a crashed test file left behind is replaced", async () => {
  const next = await startMachines({ machines: ["redis-18"] });
  expect((await next.ssh("redis-18", "hostname")).stdout).toBe("redis-18\n");
  await next.stop();
  expect(await probe("192.168.1.28", 22)).not.toBe("open");
});
