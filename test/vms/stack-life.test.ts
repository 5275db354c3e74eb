import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { run, tryRun } from "../support/command.ts";
import { sentinelInput } from "../support/labs.ts";
import { worldContext } from "./rig/world.ts";
import { makeTerraformProject, type TerraformProject } from "./support/terraform-project.ts";

// The life of VMs under the real Terraform, provider and libvirt, on blank disks and with a stand-in for redis-lab: what a change of the lab does to VMs, and what it must not do.

const { libvirtUri, pool, state } = worldContext();
const NUMBERS = [18, 28, 38];
let project: TerraformProject;

beforeAll(async () => {
  project = await makeTerraformProject();
});
afterAll(() => project?.remove());

function blank(
  changes: {
    readonly numbers?: readonly number[];
    readonly libvirt?: LabInput["libvirt"];
    readonly redis?: LabInput["redis"];
    readonly hosts?: LabInput["hosts"];
  } = {},
): LabInput {
  const { numbers = NUMBERS } = changes;
  return sentinelInput({
    name: "blank",
    hosts: changes.hosts ?? numberedHosts("192.168.1", numbers, numbers.includes(48) ? { 48: { instances: [] } } : {}),
    redis: { settings: { maxmemory: "8mb" }, ...changes.redis },
    libvirt: {
      hypervisors: [{ name: "here", uri: libvirtUri, pool, domainType: "qemu" }],
      image: project.image,
      memoryMiB: 64,
      diskGiB: 1,
      ...changes.libvirt,
    },
  });
}

/** UUID of each VM that runs, by host. */
async function running(): Promise<Readonly<Record<string, string>>> {
  const names = (await run("virsh", ["-q", "list", "--name"])).split("\n").filter((name) => name !== "");
  const ids = await Promise.all(names.map(async (name) => (await run("virsh", ["domuuid", name])).trim()));
  return Object.fromEntries(names.map((name, index) => [name.replace(/^blank-/, ""), ids[index] ?? ""]));
}

async function volumes(of = pool): Promise<readonly string[]> {
  return (await run("virsh", ["-q", "vol-list", of])).split("\n").flatMap((line) => /^\s*(\S+)/.exec(line)?.[1] ?? []);
}

async function apply(): Promise<void> {
  await project.ok("blank", "apply", "-input=false", "-auto-approve", "-no-color");
}

describe("on one hypervisor", () => {
  test("the first deploy checks, makes all, and bootstraps with the ids of the domains", async () => {
    await project.synth(blank());
    await apply();
    const vms = await running();
    expect(Object.keys(vms).sort()).toEqual(["redis-18", "redis-28", "redis-38"]);
    const calls = await project.calls();
    expect(calls.map(({ words }) => words)).toEqual(["preflight blank", "up blank --target libvirt"]);
    for (const { folder, environment } of calls) {
      expect(folder).toBe(project.folder);
      expect(environment).toMatchObject({ REDIS_LAB_IN_TERRAFORM: "1", REDIS_LAB_LABS: "stacks/labs.mjs" });
    }
    expect(JSON.parse(calls[1]?.environment["REDIS_LAB_DOMAINS"] ?? "")).toEqual(vms);
    expect((await volumes()).map((name) => name.replace(/-[0-9a-f]{12}\./, "-DIGEST."))).toEqual([
      "blank-redis-18-cloudinit.iso",
      "blank-redis-18.qcow2",
      "blank-redis-28-cloudinit.iso",
      "blank-redis-28.qcow2",
      "blank-redis-38-cloudinit.iso",
      "blank-redis-38.qcow2",
      "blank.base-DIGEST.qcow2",
    ]);
  });

  test("the second plan is empty", async () => {
    expect(await project.plan("blank")).toEqual([]);
  });

  test("a setting of redis.conf runs the bootstrap again and touches no VM", async () => {
    await project.synth(blank({ redis: { settings: { maxmemory: "8mb", timeout: 100 } } }));
    expect(await project.plan("blank")).toEqual(["delete+create terraform_data.Bootstrap"]);
  });

  test("more memory for a host replaces its domain, over the same disk, and lets it leave before", async () => {
    const hosts = numberedHosts("192.168.1", NUMBERS, { 28: { memoryMiB: 96 } });
    await project.synth(blank({ hosts }));
    expect(await project.plan("blank")).toEqual([
      "delete+create libvirt_domain.here_redis-28",
      "delete+create terraform_data.Bootstrap",
      'delete+create terraform_data.Member["redis-28"]',
    ]);
  });

  test("another size of disks, image and type of domains leave the VMs that are there alone", async () => {
    const image = { ...project.image, sha256: "a".repeat(64) };
    const hypervisors = [{ name: "here", uri: libvirtUri, pool, domainType: "kvm" as const }];
    await project.synth(blank({ libvirt: { diskGiB: 2, image, hypervisors } }));
    expect(await project.plan("blank")).toEqual(["delete+create terraform_data.Preflight"]);
  });

  test("a VM that was made smaller in place, as a rolling rebuild does, is not a change", async () => {
    await run("virsh", ["destroy", "blank-redis-38"]);
    for (const command of ["setmaxmem", "setmem"]) await run("virsh", [command, "blank-redis-38", "48M", "--config"]);
    await run("virsh", ["start", "blank-redis-38"]);
    await project.synth(blank({ hosts: numberedHosts("192.168.1", NUMBERS, { 38: { memoryMiB: 48 } }) }));
    expect(await project.plan("blank")).toEqual([]);
  });

  test("a VM that is off is started", async () => {
    const before = await running();
    await run("virsh", ["destroy", "blank-redis-38"]);
    expect(await project.plan("blank")).toEqual(["update libvirt_domain.here_redis-38"]);
    await apply();
    expect(await running()).toEqual(before);
  });

  test("a host more is one VM, its member and the bootstrap", async () => {
    const before = await running();
    await project.synth(blank({ numbers: [...NUMBERS, 48] }));
    expect((await project.plan("blank")).filter((change) => !change.includes("redis-38"))).toEqual([
      "create libvirt_domain.here_redis-48",
      "create libvirt_volume.here_redis-48_cloud-init",
      "create libvirt_volume.here_redis-48_disk",
      'create terraform_data.Member["redis-48"]',
      'create terraform_data.Place["redis-48"]',
      "delete+create terraform_data.Bootstrap",
    ]);
    await apply();
    const { "redis-48": added, "redis-38": _, ...rest } = await running();
    expect(added).toBeDefined();
    expect(rest).toEqual({ "redis-18": before["redis-18"], "redis-28": before["redis-28"] });
    expect(await project.plan("blank")).toEqual([]);
  });

  test("a host that may not leave keeps its VM; once it may, it leaves first and everything of it goes", async () => {
    const before = await running();
    await project.calls();
    await project.synth(blank());
    await project.fail("leave", true);
    const { code, stdout, stderr } = await project.terraform("blank", "apply", "-input=false", "-auto-approve", "-no-color");
    expect(code, stdout).toBe(1);
    expect(stderr).toContain('terraform_data.Member["redis-48"]');
    expect(stderr.replaceAll(/\s+/g, " ")).toContain('redis-lab leave blank -- "$REDIS_LAB_HOST"');
    expect(await running()).toEqual(before);
    expect(
      (await project.calls()).map(({ words, environment }) => [
        words,
        environment["REDIS_LAB_VM_DOMAIN"],
        environment["REDIS_LAB_VM_HYPERVISOR"],
      ]),
    ).toEqual([["leave blank -- redis-48", before["redis-48"], "here"]]);
    await project.fail("leave", false);
    await apply();
    const { "redis-48": __, ...left } = before;
    expect(await running()).toEqual(left);
    expect((await volumes()).filter((name) => name.includes("redis-48"))).toEqual([]);
  });

  test("another key makes the cloud-init disks again, and leaves the VMs that run alone", async () => {
    const before = await running();
    await rm(join(project.folder, ".redis-lab/blank"), { recursive: true });
    await project.synth(blank());
    expect(await project.plan("blank")).toEqual([
      ...NUMBERS.map((number) => `delete+create libvirt_volume.here_redis-${number}_cloud-init`),
      // The password was made again with the key.
      "delete+create terraform_data.Bootstrap",
    ]);
    await apply();
    expect(await running()).toEqual(before);
    expect(await project.plan("blank")).toEqual([]);
    // It is there when the VM starts again.
    await run("virsh", ["destroy", "blank-redis-18"]);
    await run("virsh", ["start", "blank-redis-18"]);
  });

  test("destroy lets every host leave before any VM goes, and leaves nothing behind", async () => {
    await project.calls();
    const text = await project.ok("blank", "destroy", "-input=false", "-auto-approve", "-no-color");
    const leaving = text.lastIndexOf("redis-lab leave blank");
    expect(leaving).toBeGreaterThan(0);
    expect(leaving).toBeLessThan(text.indexOf("libvirt_domain.here_redis-18_", text.indexOf("Destroying...")) || Number.POSITIVE_INFINITY);
    expect((await project.calls()).map(({ words }) => words).sort()).toEqual(NUMBERS.map((number) => `leave blank -- redis-${number}`));
    expect((await run("virsh", ["-q", "list", "--all", "--name"])).trim()).toBe("");
    expect((await run("virsh", ["-q", "net-list", "--all", "--name"])).trim()).toBe("");
    expect(await volumes()).toEqual([]);
  });
});

describe("on two hypervisors", () => {
  const folder = join(state, "second");
  /** The same libvirt by two URIs, with a pool each. */
  const hypervisors = [
    { name: "one", uri: libvirtUri, pool, domainType: "qemu" as const },
    { name: "two", uri: "qemu+unix:///system?socket=/run/libvirt/libvirt-sock", pool: "second", domainType: "qemu" as const },
  ];
  /** The spare host, which runs nothing, may be anywhere. */
  const spread = (spare: string) =>
    blank({
      hosts: numberedHosts("192.168.1", [...NUMBERS, 48], {
        18: { hypervisor: "one" },
        28: { hypervisor: "two" },
        38: { hypervisor: "two" },
        48: { hypervisor: spare, instances: [] },
      }),
      libvirt: { hypervisors, network: { mode: "bridge", bridge: "br-stacks" } },
    });

  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
    await run("virsh", ["-q", "pool-define-as", "second", "dir", "--target", folder]);
    await run("virsh", ["-q", "pool-start", "second"]);
    await run("ip", ["link", "add", "br-stacks", "type", "bridge"]);
    await run("ip", ["link", "set", "br-stacks", "up"]);
  });
  afterAll(async () => {
    await tryRun("virsh", ["pool-destroy", "second"]);
    await tryRun("virsh", ["pool-undefine", "second"]);
    await tryRun("ip", ["link", "delete", "br-stacks"]);
  });

  test("each has its image and its hosts", async () => {
    await project.synth(spread("two"));
    await apply();
    expect(await project.plan("blank")).toEqual([]);
    expect((await volumes()).filter((name) => name.endsWith(".qcow2"))).toEqual([
      "blank-redis-18.qcow2",
      expect.stringMatching(/^blank\.base-/),
    ]);
    expect((await volumes("second")).filter((name) => name.endsWith(".qcow2"))).toEqual([
      "blank-redis-28.qcow2",
      "blank-redis-38.qcow2",
      "blank-redis-48.qcow2",
      expect.stringMatching(/^blank\.base-/),
    ]);
  });

  test("a host that moves leaves, goes where it was and comes where it is to be", async () => {
    const before = await running();
    await project.synth(spread("one"));
    await project.fail("leave", true);
    expect((await project.terraform("blank", "apply", "-input=false", "-auto-approve")).code).toBe(1);
    // Two VMs under one address would be worse than none.
    expect(await running()).toEqual(before);
    expect((await volumes()).filter((name) => name.includes("redis-48"))).toEqual([]);
    await project.fail("leave", false);
    await project.calls();
    await apply();
    const [left] = await project.calls();
    expect([left?.words, left?.environment["REDIS_LAB_VM_HYPERVISOR"]]).toEqual(["leave blank -- redis-48", "two"]);
    const after = await running();
    expect({ ...after, "redis-48": "" }).toEqual({ ...before, "redis-48": "" });
    expect(after["redis-48"]).not.toBe(before["redis-48"]);
    expect((await volumes("second")).filter((name) => name.includes("redis-48"))).toEqual([]);
    await project.ok("blank", "destroy", "-input=false", "-auto-approve", "-no-color");
    expect([...(await volumes()), ...(await volumes("second"))]).toEqual([]);
  });
});
