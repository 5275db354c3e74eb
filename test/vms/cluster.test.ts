import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { removeWhatIsThere, virsh, whatIsThere } from "./rig/rig.ts";
import { chapters } from "./support/chapters.ts";
import { clusterOnVms } from "./support/labs.ts";
import { Values } from "./support/values.ts";
import { VmProject } from "./support/vm-project.ts";
import { domainIds, rebootHosts, waitForLayout, waitForPromotion } from "./support/vms.ts";

// The life of the cluster lab on seven VMs, from `cdktf deploy` to `cdktf destroy`: one deploy serves all chapters, as seven emulated VMs take their time to boot.

const LAB = "cluster";
const SEVEN = ["redis-18", "redis-28", "redis-38", "redis-48", "redis-58", "redis-68", "redis-78"];
/** Without the standby host, and without the one that leads the first shard after the failover. */
const FIVE = ["redis-18", "redis-28", "redis-38", "redis-48", "redis-68"];
const VALUES = 60;
const test = chapters();
let project: VmProject;
let before: Awaited<ReturnType<typeof whatIsThere>>;
let firstDeploy = 0;

beforeAll(async () => {
  before = await whatIsThere();
  project = await VmProject.create(await clusterOnVms());
});
afterAll(async () => {
  await project?.remove();
  await removeWhatIsThere();
});

/** Kernel settings of a host, as the kernel has them. */
const KERNEL = "cat /sys/kernel/mm/transparent_hugepage/enabled /proc/sys/net/core/somaxconn /proc/sys/vm/overcommit_memory";
const TUNED = "always madvise [never]\n512\n1\n";

async function onEach(hosts: readonly string[], command: string): Promise<readonly string[]> {
  return Promise.all(hosts.map((host) => project.ssh(LAB, host, command)));
}

async function values(): Promise<Values> {
  return new Values(
    FIVE.map((host) => host.replace("redis-", "192.168.1.")),
    await project.password(LAB),
  );
}

async function missingValues(): Promise<readonly number[]> {
  return (await values()).missing(VALUES);
}

/** Without the frames and line breaks that cdktf puts into what a command says. */
function unwrapped(output: string): string {
  return output.replaceAll(/[\s│╷╵]+/g, " ");
}

/** Hosts from the shipped lab: `changes` by the last number of the address. */
function hosts(numbers: readonly number[], changes: Parameters<typeof numberedHosts>[2] = {}): LabInput["hosts"] {
  const two = numbers.includes(78) ? { 78: { instances: [6379, 6380] } } : {};
  return numberedHosts("192.168.1", numbers, { ...two, ...changes });
}

const fiveHosts = { hosts: hosts([18, 28, 38, 48, 68]) };
const fiveLayout: Extract<LabInput["layout"], { kind: "cluster" }> = {
  kind: "cluster",
  masters: ["redis-18", "redis-28", "redis-38"],
  replicas: { "redis-68": "redis-28", "redis-48": "redis-38" },
};
const lru = { redis: { settings: { "maxmemory-policy": "allkeys-lru" } } };

test("cdktf deploy makes seven VMs and a working cluster in them, with the Redis that was compiled before", async () => {
  const deploy = await project.deploy(LAB);
  firstDeploy = deploy.seconds;
  console.log(`cluster, first deploy: ${firstDeploy.toFixed(0)} s`);
  expect(deploy.output).toContain("cluster on libvirt: healthy");
  expect(await waitForLayout(project, LAB)).toEqual([
    "redis-18:6379 master",
    "redis-28:6379 master",
    "redis-38:6379 master",
    "redis-48:6379 replica",
    "redis-58:6379 replica",
    "redis-68:6379 replica",
    "redis-78:6379 standby",
    "redis-78:6380 standby",
  ]);
});

test("every VM is as the lab says, and nobody gets in with a password", async () => {
  expect(await onEach(SEVEN, KERNEL)).toEqual(SEVEN.map(() => TUNED));
  const look =
    "hostname; df -BM --output=size / | tail -1; sudo sshd -T | grep ^passwordauthentication; grep -cE '^192.168.1.[1-7]8 redis-' /etc/hosts";
  const [first] = await onEach(["redis-18"], look);
  expect(first).toMatch(/^redis-18\n +(29|30)\d\dM\npasswordauthentication no\n7\n$/);
  await project.redisLab("doctor", LAB);
});

test("no secret in Terraform's state, in its plan, or in what cdktf wrote", async () => {
  await project.plan(LAB);
  const key = (await readFile(join(project.folder, ".redis-lab", LAB, "id_ed25519"), "utf8")).split("\n")[2] ?? "";
  expect(key.length).toBeGreaterThan(60);
  expect(await project.filesWith(await project.password(LAB))).toEqual([]);
  expect(await project.filesWith(key)).toEqual([]);
  // What is looked for would be found: the state and the plan are there, and hold what is not a secret.
  expect((await project.filesWith("192.168.1.18")).map((file) => file.slice(project.folder.length + 1)).sort()).toEqual(
    expect.arrayContaining([`cdktf.out/stacks/${LAB}/cdk.tf.json`, `terraform.${LAB}.tfstate`]),
  );
});

test("a second deploy, and an up outside of Terraform, find nothing to do", async () => {
  const vms = await domainIds();
  expect((await project.deploy(LAB)).output).toContain("No changes. Your infrastructure matches the configuration.");
  expect((await project.redisLab("up", LAB, "--target", "libvirt")).stdout).toMatch(/^0 changed$/m);
  expect(await domainIds()).toEqual(vms);
});

test("the VM of a master powered off: its replica is promoted; switched on again, it is a replica", async () => {
  await (await values()).write(VALUES);
  await virsh("destroy", "cluster-redis-18");
  await waitForPromotion(project, LAB, "redis-18", ["redis-58"]);
  await virsh("start", "cluster-redis-18");
  await waitForLayout(project, LAB, ["redis-58:6379 master", "redis-18:6379 replica"]);
  expect(await missingValues()).toEqual([]);
});

test("all seven rebooted at once: everything is back, values and kernel settings too", async () => {
  const begin = performance.now();
  await rebootHosts(project, LAB, SEVEN);
  await waitForLayout(project, LAB);
  console.log(`cluster, seven rebooted: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  expect(await missingValues()).toEqual([]);
  expect(await onEach(SEVEN, KERNEL)).toEqual(SEVEN.map(() => TUNED));
});

test("a changed setting runs the bootstrap again, and no VM is replaced", async () => {
  const vms = await domainIds();
  await project.declare(await clusterOnVms(lru));
  expect(await project.plan(LAB)).toEqual(["delete+create terraform_data.Bootstrap"]);
  const deploy = await project.deploy(LAB);
  console.log(`cluster, a setting changed: ${deploy.seconds.toFixed(0)} s`);
  expect((await project.redisLab("cli", LAB, "redis-48", "config", "get", "maxmemory-policy")).stdout).toContain("allkeys-lru");
  expect(await domainIds()).toEqual(vms);
});

test("a host that is added is one VM, one member and the bootstrap", async () => {
  const layout = {
    ...fiveLayout,
    replicas: { ...fiveLayout.replicas, "redis-58": "redis-18" },
    standby: ["redis-78:6379", "redis-78:6380", "redis-88:6379"],
  };
  await project.declare(await clusterOnVms({ ...lru, hosts: hosts([18, 28, 38, 48, 58, 68, 78, 88]), layout }));
  expect(await project.plan(LAB)).toEqual([
    "create libvirt_domain.local_redis-88",
    "create libvirt_volume.local_redis-88_cloud-init",
    "create libvirt_volume.local_redis-88_disk",
    'create terraform_data.Member["redis-88"]',
    'create terraform_data.Place["redis-88"]',
    "delete+create terraform_data.Bootstrap",
  ]);
});

test("a host that leaves hands its slots over and is forgotten by the others before its VM goes", async () => {
  await project.declare(await clusterOnVms({ ...lru, ...fiveHosts, layout: fiveLayout }));
  const deploy = await project.deploy(LAB);
  console.log(`cluster, two hosts left, one of them with slots: ${deploy.seconds.toFixed(0)} s`);
  expect(Object.keys(await domainIds())).toEqual(FIVE.map((host) => `cluster-${host}`));
  const rows = await waitForLayout(project, LAB, ["redis-18:6379 master"]);
  expect(rows.filter((row) => /redis-[57]8/.test(row))).toEqual([]);
  expect(await missingValues()).toEqual([]);
  expect(await project.plan(LAB)).toEqual([]);
});

test("memory of several hosts at once is refused with the way to it, which keeps the data", async () => {
  const vms = await domainIds();
  const larger = await clusterOnVms({
    ...lru,
    hosts: hosts([18, 28, 38, 48, 68], { 28: { memoryMiB: 832 }, 48: { memoryMiB: 832 } }),
    layout: fiveLayout,
  });
  await project.declare(larger);
  const deploy = await project.tryDeploy(LAB);
  expect(deploy.code).toBe(1);
  expect(unwrapped(deploy.output)).toContain("rebuild cluster --rolling");
  expect(await domainIds()).toEqual(vms);
  const rolling = await project.redisLab("rebuild", LAB, "--rolling");
  console.log(`cluster, memory of two hosts in turn: ${rolling.seconds.toFixed(0)} s`);
  expect(await domainIds()).toEqual(vms);
  expect(await onEach(["redis-28", "redis-48"], "awk '/MemTotal/ {print ($2 > 768 * 1024 * 0.97)}' /proc/meminfo")).toEqual(["1\n", "1\n"]);
  expect(await missingValues()).toEqual([]);
  await project.deploy(LAB);
  expect(await project.plan(LAB)).toEqual([]);
});

test("rebuild makes the disks again in place, and Terraform finds nothing to do", async () => {
  const vms = await domainIds();
  const rebuild = await project.redisLab("rebuild", LAB, "--yes");
  console.log(`cluster, rebuild: ${rebuild.seconds.toFixed(0)} s; first deploy: ${firstDeploy.toFixed(0)} s`);
  await waitForLayout(project, LAB);
  expect((await missingValues()).length).toBe(VALUES);
  expect(await domainIds()).toEqual(vms);
  expect(await project.plan(LAB)).toEqual([]);
});

test("down names cdktf destroy, which leaves nothing behind", async () => {
  const down = await project.tryRedisLab("down", LAB);
  expect(down.code).toBe(64);
  expect(down.stderr).toContain("cdktf destroy cluster");
  await project.destroy(LAB);
  expect(await whatIsThere()).toEqual(before);
});
