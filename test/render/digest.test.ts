import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { labDigest } from "../../lib/render/digest.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";

const GENERATION = "k3f9a1b2";
const hosts = clusterInput().hosts;
const layout = clusterInput().layout as Extract<LabInput["layout"], { kind: "cluster" }>;

function digestOf(changes: Partial<LabInput>, input = clusterInput): string {
  return labDigest(defineLab(input(changes)), GENERATION);
}

/** The hosts of the lab, one of them changed. */
function withHost(index: number, change: Partial<LabInput["hosts"][number]>): Partial<LabInput> {
  return { hosts: hosts.map((host, each) => (each === index ? { ...host, ...change } : host)) };
}

const before = digestOf({});
const tarball = (path: string) => ({ redis: { source: { kind: "file", path } } }) as const;

describe("changes with", () => {
  test.each<[string, Partial<LabInput>]>([
    ["a setting", { redis: { settings: { maxmemory: "900mb" } } }],
    ["a setting of one instance", withHost(3, { instances: [{ port: 6379, settings: { "repl-diskless-sync": true } }] })],
    ["the version", { redis: { version: "4.0.13" } }],
    ["the source", { redis: { source: { kind: "url", url: "https://mirror.example.org/redis.tar.gz" } } }],
    ["the name of the tarball", tarball("/a/redis-4.0.14.tar.gz")],
    ["make flags", { redis: { makeFlags: ["MALLOC=libc"] } }],
    ["the prefix", { redis: { prefix: "/opt/redis" } }],
    ["a kernel setting", { os: { sysctl: { "net.core.somaxconn": 1024 } } }],
    ["huge pages", { os: { transparentHugepages: "madvise" } }],
    ["packages for operators, which no file names", { os: { operatorPackages: ["vim"] } }],
    ["the firewall, which no file names", { os: { openFirewall: false } }],
    ["mirrors of yum", { os: { yumMirrors: ["https://yum.example.org/7"] } }],
    ["the family of the image", { libvirt: { image: { location: "/image", sha256: "a".repeat(64), user: "x", osFamily: "debian" } } }],
    ["a further host", { hosts: [...hosts, { name: "redis-88", address: "192.168.1.88", instances: [] }] }],
    ["the address of a host", withHost(0, { address: "192.168.1.19" })],
    [
      "roles, which no file names",
      { layout: { ...layout, replicas: { ...layout.replicas, "redis-78:6379": "redis-18" }, standby: ["redis-78:6380"] } },
    ],
    ["the node time-out", { layout: { ...layout, nodeTimeoutMs: 5_000 } }],
  ])("%s", (_what, changes) => {
    expect(digestOf(changes)).not.toBe(before);
  });

  test("a setting of the sentinels", () => {
    const monitor = { name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 };
    const sentinels = ["redis-18", "redis-28", "redis-38"];
    const of = (downAfterMs: number) =>
      digestOf({ layout: { kind: "sentinel", sentinels, masters: [{ ...monitor, downAfterMs }] } }, sentinelInput);
    expect(of(10_000)).toBe(digestOf({}, sentinelInput));
    expect(of(5_000)).not.toBe(of(10_000));
  });

  test("the generation of the password, and whether there is one", () => {
    const lab = defineLab(clusterInput());
    expect(new Set([GENERATION, "00000000", undefined].map((generation) => labDigest(lab, generation))).size).toBe(3);
  });
});

describe("stays the same with", () => {
  test.each<[string, Partial<LabInput>]>([
    ["the hardware of the VMs", { libvirt: { vcpus: 4, memoryMiB: 8192, diskGiB: 100, autostart: false } }],
    ["the hardware of a VM", withHost(0, { vcpus: 4, memoryMiB: 8192, diskGiB: 40 })],
    ["the description", { description: "another" }],
    ["the hypervisors", { libvirt: { hypervisors: [{ name: "kvm-1", uri: "qemu+ssh://root@kvm-1/system" }, { name: "kvm-2" }] } }],
    ["the network of the VMs", { libvirt: { network: { mode: "bridge", bridge: "br0" } } }],
    ["where Terraform keeps its state", { libvirt: { backend: { kind: "consul", settings: { path: "redis" } } } }],
    ["how hosts are reached", { ssh: { port: 2222, user: "admin", keyFile: "/home/me/key" } }],
    ["the loopback network of the lab on this computer", { network: { cidr: "192.168.1.0/24", loopback: "127.0.9.0/24" } }],
  ])("%s", (_what, changes) => {
    expect(digestOf(changes)).toBe(before);
  });

  test("the folder of the tarball, which differs between computers", () => {
    expect(digestOf(tarball("/home/one/redis-4.0.14.tar.gz"))).toBe(digestOf(tarball("/home/two/redis-4.0.14.tar.gz")));
  });

  test("another process, folder and environment", () => {
    const file = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).pathname);
    const script = `
      const jiti = require(${file("node_modules/jiti")}).createJiti(${file("test/")}, { alias: { "redis-lab": ${file("lib/index.ts")} }, fsCache: false });
      const [{ labDigest }, { cluster, sentinel }] = [jiti(${file("lib/render/digest.ts")}), jiti(${file("stacks/labs.ts")})];
      console.log([cluster, sentinel].map((lab) => labDigest(lab, "${GENERATION}")).join());`;
    const env = { HOME: "/nowhere", TZ: "Asia/Tokyo", LC_ALL: "C", REDIS_LAB_PASSWORD: "a-password-of-the-tests_11111111" };
    const output = execFileSync(process.execPath, ["--input-type=commonjs", "--eval", script], { cwd: "/", encoding: "utf8", env });
    expect(output.trim()).toBe([cluster, sentinel].map((lab) => labDigest(lab, GENERATION)).join());
  });
});

test("a lab whose image is unknown has a digest; the fault is reported elsewhere", () => {
  expect(digestOf({ libvirt: { image: "centos-6" } })).toMatch(/^[0-9a-f]{64}$/);
});
