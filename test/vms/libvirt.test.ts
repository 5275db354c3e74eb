import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LabError } from "../../lib/base/error.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import type { Lab, LabInput } from "../../lib/lab/schema.ts";
import { planVms, type Vm } from "../../lib/lab/vms.ts";
import { startVm, stopVm } from "../../lib/libvirt/boot.ts";
import { watchConsole } from "../../lib/libvirt/console.ts";
import { domainState, domainStates } from "../../lib/libvirt/domains.ts";
import { applyHardware, readHardware } from "../../lib/libvirt/hardware.ts";
import { ensureImage } from "../../lib/libvirt/images.ts";
import { orphans, removeOrphan } from "../../lib/libvirt/orphans.ts";
import { runPreflight } from "../../lib/libvirt/preflight.ts";
import { renewDisk } from "../../lib/libvirt/rebuild.ts";
import { readTerraformState } from "../../lib/libvirt/terraform-state.ts";
import { AwaitedVm } from "../../lib/operations/vms/awaited-vm.ts";
import { run, tryRun } from "../support/command.ts";
import { virsh, whatIsThere, worldContext } from "./rig/rig.ts";
import { momentaryVms } from "./support/momentary-vms.ts";
import { makeTerraformProject, type TerraformProject } from "./support/terraform-project.ts";

// lib/libvirt around VMs that the real Terraform and provider made: what it reads, what it changes in place so that Terraform finds nothing to do, and what it finds left over.

const { image, libvirtUri, poolFolder, state } = worldContext();
let project: TerraformProject;

function input(changes: { readonly hosts?: LabInput["hosts"]; readonly libvirt?: LabInput["libvirt"] } = {}): LabInput {
  return momentaryVms(project, { name: "odd", net: 211, ...changes });
}

const deploy = (lab: string) => project.ok(lab, "apply", "-input=false", "-auto-approve", "-no-color");
const terraformState = (lab: Lab) => readTerraformState({ root: project.folder, lab: lab.name });
function vmOf(lab: Lab, host = "redis-18"): Vm {
  const vm = planVms(lab).vms.find((each) => each.host === host);
  if (vm === undefined) throw new Error(`${lab.name} has no ${host}`);
  return vm;
}
/** Codes of all findings, with their severity. */
async function told(lab: Lab): Promise<readonly string[]> {
  const checks = await runPreflight(lab, { root: project.folder });
  return checks.flatMap(({ findings }) => findings.map(({ severity, code }) => `${severity} ${code}`));
}

beforeAll(async () => {
  project = await makeTerraformProject();
  await project.synth(input());
});
afterAll(() => project?.remove());

describe("before a deploy", () => {
  test("nothing is wrong, and nothing is left behind by looking", async () => {
    expect(await told(defineLab(input()))).toEqual([]);
    expect(await whatIsThere()).toEqual({ domains: [], volumes: [], networks: [], bridges: [] });
  });

  test("names, addresses and bridges that others have", async () => {
    const file = join(state, "other.xml");
    const define = async (xml: string) => {
      await run("sh", ["-c", 'printf %s "$1" > "$2"', "sh", xml, file]);
      await virsh(xml.startsWith("<network") ? "net-define" : "define", file);
    };
    await define("<network><name>odd</name><ip address='10.9.9.1' prefix='24'/></network>");
    await define("<network><name>someone's</name><ip address='192.168.208.1' prefix='22'/></network>");
    await define(
      "<domain type='qemu'><name>odd-redis-28</name><memory unit='MiB'>16</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><devices/></domain>",
    );
    expect(await told(defineLab(input()))).toEqual(["error network.name-taken", "warning network.range-taken", "error domain.name-taken"]);
    await virsh("net-start", "someone's");
    const bridged = (bridge: string) => defineLab(input({ libvirt: { network: { mode: "bridge", bridge } } }));
    expect(await told(defineLab(input()))).toEqual(["error network.name-taken", "error network.range-taken", "error domain.name-taken"]);
    expect(await told(bridged("br-not-there"))).toEqual(["error bridge.absent", "error domain.name-taken"]);
    expect(await told(bridged("lo"))).toEqual(["error bridge.none", "error domain.name-taken"]);
    const [there] = JSON.parse(await run("ip", ["-j", "link", "show", "type", "bridge"])) as readonly { readonly ifname: string }[];
    expect(await told(bridged(there?.ifname ?? ""))).toEqual(["error domain.name-taken"]);
    // A domain of that name that is not the lab's is nobody's to remove.
    expect(await orphans(defineLab(input()), { kind: "none" })).toEqual([]);
    await virsh("undefine", "odd-redis-28");
    await virsh("net-destroy", "someone's");
    for (const name of ["someone's", "odd"]) await virsh("net-undefine", name);
  });

  test("a pool that is absent, inactive, read-only or full", async () => {
    const folder = join(state, "small pool");
    const lab = defineLab(input({ libvirt: { hypervisors: [{ name: "here", uri: libvirtUri, pool: "small", domainType: "qemu" }] } }));
    expect(await told(lab)).toEqual(["error pool.absent"]);
    await mkdir(folder);
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
    await virsh("pool-define-as", "small", "dir", "--target", folder);
    expect(await told(lab)).toEqual(["error pool.inactive"]);
    await virsh("pool-start", "small");
    expect(await told(lab)).toEqual(["error pool.full"]);
    await run("mount", ["-o", "remount,ro", folder]);
    expect(await told(lab)).toEqual(["error pool.not-writable", "error pool.full"]);
    await virsh("pool-destroy", "small");
    await virsh("pool-undefine", "small");
    await run("umount", [folder]);
  });

  test("no libvirtd, and a hypervisor that no ssh leads to", async () => {
    const at = (uri: string) => defineLab(input({ libvirt: { hypervisors: [{ name: "here", uri, domainType: "qemu" }] } }));
    expect(await told(at("qemu:///system?socket=/nowhere"))).toEqual(["error libvirt.no-libvirtd"]);
    expect(await told(at("qemu+ssh://root@127.0.0.1:1/system"))).toEqual(["error libvirt.no-ssh"]);
    const states = await domainStates(at("qemu:///system?socket=/nowhere"));
    expect([...states.values()].map(({ state: each, error }) => [each, error?.code])).toEqual(
      Array.from({ length: 3 }, () => ["unknown", "libvirt.no-libvirtd"]),
    );
  });
});

describe("VMs that Terraform made", () => {
  const lab = () => defineLab(input());
  const id = async (vm: Vm) => (await domainState(vm)).id;

  beforeAll(() => deploy("odd"));

  test("are seen as Terraform sees them, and nothing of them is left over", async () => {
    const known = await terraformState(lab());
    const states = await domainStates(lab());
    expect([...states.values()].map(({ host, state: each, vcpus, memoryMiB }) => [host, each, vcpus, memoryMiB])).toEqual(
      ["redis-18", "redis-28", "redis-38"].map((host) => [host, "running", 1, 64]),
    );
    expect(known.kind).toBe("read");
    if (known.kind !== "read") return;
    expect(new Map([...known.domains].map(([each, name]) => [name, each]))).toEqual(
      new Map([...states.values()].map((each) => [each.domainName, each.id])),
    );
    expect(known.volumes.map(({ name }) => name.replace(/-[0-9a-f]{12}\./, "-DIGEST.")).sort()).toContain("odd.base-DIGEST.qcow2");
    expect(await orphans(lab(), known)).toEqual([]);
    expect(await told(lab())).toEqual([]);
  });

  test("go off and on", async () => {
    const vm = vmOf(lab());
    await stopVm(vm, { timeoutMs: 0 });
    expect((await domainState(vm)).state).toBe("off");
    await stopVm(vm);
    await startVm(vm);
    await startVm(vm);
    await virsh("suspend", vm.domainName);
    expect((await domainState(vm)).state).toBe("paused");
    await startVm(vm);
    expect((await domainState(vm)).state).toBe("running");
    await expect(startVm({ ...vm, domainName: "odd-none" })).rejects.toMatchObject({ code: "libvirt.vm-absent" });
  });

  test("that never show anything on their console are said to be silent", async () => {
    const refused = new LabError({ code: "connection.refused", kind: "environment", what: "It refuses.", next: "-" });
    const awaited = new AwaitedVm(
      { lab: lab(), emit: () => {}, signal: undefined },
      {
        vm: vmOf(lab()),
        asked: true,
        timeoutMs: 1_500,
        pins: { keys: async () => [], drop: async () => {} },
      },
    );
    await expect(awaited.reach(() => Promise.reject(refused))).rejects.toMatchObject({
      code: "operations.vm-silent",
      what: expect.stringContaining("Its serial console stayed silent: the image may not boot"),
    });
  });

  test("get a disk again in place: another file, the same domain, and an empty plan", async () => {
    const vm = vmOf(lab());
    const file = join(poolFolder, `${vm.domainName}.qcow2`);
    const [before, domain] = [(await stat(file)).ino, await id(vm)];
    // A disk is as large as the lab says now.
    await renewDisk({ ...vm, diskGiB: 2 });
    expect((await stat(file)).ino).not.toBe(before);
    expect(await domainState(vm)).toMatchObject({ state: "running", id: domain });
    const found = JSON.parse(await run("qemu-img", ["info", "--force-share", "--output=json", file]));
    expect(found).toMatchObject({ "virtual-size": 2 * 2 ** 30, format: "qcow2" });
    expect(found["backing-filename"]).toMatch(/odd\.base-[0-9a-f]{12}\.qcow2$/);
    expect(await project.plan("odd")).toEqual([]);
  });

  test("also when the run before ended between the old disk and the new one", async () => {
    const vm = vmOf(lab());
    await stopVm(vm, { timeoutMs: 0 });
    await virsh("vol-delete", "--pool", "default", `${vm.domainName}.qcow2`);
    await expect(renewDisk(vm)).rejects.toMatchObject({ code: "libvirt.disk-unknown" });
    await renewDisk(vm, { terraform: await terraformState(lab()) });
    expect((await domainState(vm)).state).toBe("running");
    expect(await project.plan("odd")).toEqual([]);
  });

  test("get other hardware in place, which Terraform would replace them for", async () => {
    const more = input({ hosts: numberedHosts("192.168.211", [18, 28, 38], { 28: { memoryMiB: 96, vcpus: 3 } }) });
    await project.synth(more);
    const vm = vmOf(defineLab(more), "redis-28");
    expect(await project.plan("odd")).toContain("delete+create libvirt_domain.here_redis-28");
    const domain = await id(vm);
    expect(await applyHardware(vm, { timeoutMs: 0 })).toBe(true);
    expect(await readHardware(vm)).toEqual({ config: { vcpus: 3, memoryMiB: 96 }, live: { vcpus: 3, memoryMiB: 96 } });
    expect(await applyHardware(vm)).toBe(false);
    expect(await id(vm)).toBe(domain);
    expect(await project.plan("odd")).toEqual([]);
    // And back, of a VM that is off: it stays off.
    await stopVm(vm, { timeoutMs: 0 });
    expect(await applyHardware(vmOf(lab(), "redis-28"))).toBe(true);
    expect(await readHardware(vm)).toEqual({ config: { vcpus: 1, memoryMiB: 64 }, live: undefined });
    await startVm(vm);
    await project.synth(input());
    expect(await project.plan("odd")).toEqual([]);
  });

  test("whose start failed are left over, found, removed, and the next deploy goes through", async () => {
    await project.synth(input({ hosts: numberedHosts("192.168.211", [18, 28, 38], { 38: { memoryMiB: 90_000_000 } }) }));
    await expect(deploy("odd")).rejects.toThrow("cannot set up guest memory");
    const known = await terraformState(lab());
    const [orphan, ...others] = await orphans(lab(), known);
    expect(orphan).toMatchObject({ kind: "domain", name: "odd-redis-38", host: "redis-38", state: "off", volumes: [] });
    expect(others).toEqual([]);
    expect(await told(lab())).toEqual(["error domain.orphan"]);
    await project.synth(input());
    await expect(deploy("odd")).rejects.toThrow("already exists");
    if (orphan === undefined) return;
    await removeOrphan(orphan);
    await removeOrphan(orphan);
    // Its disks are Terraform's.
    expect((await whatIsThere()).volumes).toContain("odd-redis-38.qcow2");
    await deploy("odd");
    expect(await project.plan("odd")).toEqual([]);
  });

  test("whose state was lost are left over in whole, and nothing of others is", async () => {
    await virsh("vol-create-as", "default", "odd-notes.qcow2", "1M", "--format", "qcow2");
    const file = join(project.folder, "terraform.odd.tfstate");
    await rename(file, `${file}.kept`);
    const none = await orphans(lab(), await terraformState(lab()));
    expect(none.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
      "domain odd-redis-18",
      "domain odd-redis-28",
      "domain odd-redis-38",
      "network odd",
    ]);
    expect(await told(lab())).toEqual(["error domain.orphan", "error domain.orphan", "error domain.orphan", "error network.orphan"]);
    // Everything looks like a deploy from elsewhere, and the VMs run: no script has them, or their network, removed.
    const before = await whatIsThere();
    const { code, stderr } = await project.redisLab("doctor", "odd", "--target", "libvirt", "--fix", "--yes");
    expect(code).toBe(1);
    expect(stderr.match(/^warning: .* was kept: in use by odd-redis-/gm)).toHaveLength(4);
    expect(await whatIsThere()).toEqual(before);
    expect([...(await domainStates(lab())).values()].map((each) => each.state)).toEqual(["running", "running", "running"]);
    // What no VM uses is not theirs to remove either: the state here made nothing of it.
    await virsh("net-destroy", "odd");
    expect((await orphans(lab(), { kind: "none" })).filter(({ ours }) => ours)).toEqual([]);
    await virsh("net-start", "odd");
    // A network that is taken into use after it was found stays.
    const network = none.find(({ kind }) => kind === "network");
    if (network === undefined) throw new Error("there is no network");
    await expect(removeOrphan({ ...network, usedBy: [] })).rejects.toMatchObject({ code: "libvirt.in-use" });
    // Two domains went by other hands, and left their disks.
    await virsh("destroy", "odd-redis-28");
    await virsh("undefine", "odd-redis-28");
    for (const each of await orphans(lab(), { kind: "none" })) await removeOrphan(each);
    expect(await whatIsThere()).toMatchObject({
      domains: [],
      volumes: ["odd-notes.qcow2", expect.stringMatching(/^odd\.base-/)],
      networks: [],
    });
    expect(await orphans(lab(), { kind: "none" })).toEqual([]);
    expect(await told(lab())).toEqual([]);
    await virsh("vol-delete", "--pool", "default", "odd-notes.qcow2");
    await rename(`${file}.kept`, file);
    await project.ok("odd", "destroy", "-input=false", "-auto-approve", "-no-color");
    expect(await whatIsThere()).toEqual({ domains: [], volumes: [], networks: [], bridges: [] });
  });
});

test("the serial console of a VM that boots is heard, one listener at a time", async () => {
  const lab = defineLab(input({ libvirt: { image, memoryMiB: 256, diskGiB: 2 } }));
  const vm = vmOf(lab);
  const disk = join(poolFolder, `${vm.domainName}.qcow2`);
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.location, disk]);
  const xml = join(state, "console.xml");
  const devices = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk><console type='pty'/>`;
  const domain = `<domain type='qemu'><name>${vm.domainName}</name><memory unit='MiB'>256</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>${devices}</devices></domain>`;
  await run("sh", ["-c", 'printf %s "$1" > "$2"', "sh", domain, xml]);
  await virsh("define", xml);
  try {
    const off = watchConsole(vm);
    await expect.poll(off.trouble, { timeout: 60_000 }).toBe("the VM is not running");
    await off.stop();

    await startVm(vm);
    const watch = watchConsole(vm);
    await expect.poll(() => watch.last().length, { timeout: 120_000 }).toBeGreaterThan(0);
    const second = watchConsole(vm);
    await expect.poll(second.trouble, { timeout: 60_000 }).toBe("another client has the console open");
    expect(second.last()).toEqual([]);
    await second.stop();
    expect(watch.trouble()).toBeUndefined();
    expect(watch.last().join("\n")).not.toMatch(/Connected to domain|Escape character|\r/);
    await watch.stop();
    // Its virsh has gone with it, and the console is free again, a moment later: libvirtd has to notice.
    await expect
      .poll(async () => (await tryRun("pgrep", ["-fc", `console --domain ${vm.domainName}`])).stdout, { timeout: 60_000 })
      .toBe("0\n");
    await virsh("reset", vm.domainName);
    let third = watchConsole(vm);
    await waitFor(
      async () => {
        if (third.last().length > 0) return { done: true, value: undefined };
        const trouble = third.trouble();
        if (trouble === "another client has the console open") {
          await third.stop();
          third = watchConsole(vm);
        } else expect(trouble).toBeUndefined();
        return { done: false, missing: trouble ?? "the first line" };
      },
      { what: "the console to be free", timeoutMs: 120_000, intervalMs: 500 },
    );
    await third.stop();
  } finally {
    await virsh("destroy", vm.domainName);
    await virsh("undefine", vm.domainName);
    await rm(disk);
    await virsh("pool-refresh", "default");
  }
});

test("no room for the image is told as that, and the room is free again", async () => {
  const folder = join(state, "full");
  await mkdir(folder);
  await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  try {
    await expect(ensureImage(image, { emit: () => {}, cacheFolder: folder })).rejects.toMatchObject({ code: "image.disk-full" });
    expect((await run("find", [folder, "-type", "f"])).trim()).toBe("");
  } finally {
    await run("umount", [folder]);
  }
});
