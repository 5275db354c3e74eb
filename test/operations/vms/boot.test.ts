import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KnownHosts } from "../../../lib/connection/known-hosts.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import type { SessionOptions } from "../../../lib/operations/session.ts";
import { bootVms, rememberedVm } from "../../../lib/operations/vms/boot.ts";
import type { Project } from "../../../lib/project/project.ts";
import { EMPTY_STATE, readState, statePaths, writeState } from "../../../lib/project/state.ts";
import { fakeHostKey } from "../../support/host-key.ts";
import { clusterInput } from "../../support/labs.ts";

const lab = defineLab(clusterInput());
const { vms, image } = planVms(lab);
const [vm] = vms;
if (vm === undefined) throw new Error("a lab has hosts");

describe("what is remembered of a VM", () => {
  const declared = { vcpus: vm.vcpus, memoryMiB: vm.memoryMiB, diskGiB: vm.diskGiB, image: image.sha256, hypervisor: "local" };
  const had = { domainId: "a", vcpus: 2, memoryMiB: 1024, diskGiB: 7, image: "old", hypervisor: "elsewhere" };

  test("a new one is what the lab declares: Terraform has just made it so", () => {
    expect(rememberedVm(undefined, "a", vm, image.sha256, undefined)).toEqual({ domainId: "a", ...declared });
    expect(rememberedVm(had, "b", vm, image.sha256, undefined)).toEqual({ domainId: "b", ...declared });
  });

  test("one that is still the same is what libvirt says, or what it was: not what the lab declares by now", () => {
    expect(rememberedVm(had, "a", vm, image.sha256, undefined)).toEqual(had);
    expect(rememberedVm(had, "a", vm, image.sha256, { id: "a", vcpus: 4, memoryMiB: 4096 })).toEqual({ ...had, vcpus: 4, memoryMiB: 4096 });
    // Of another domain of that name nothing is believed.
    expect(rememberedVm(had, "a", vm, image.sha256, { id: "z", vcpus: 4, memoryMiB: 4096 })).toEqual(had);
  });
});

describe("before the hosts are connected", () => {
  let folder: string;
  let options: SessionOptions;
  const path = process.env["PATH"];
  const notices: string[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-lab-boot-"));
    const project: Project = { root: folder, labsFile: join(folder, "labs.ts"), stateFolder: join(folder, ".redis-lab"), labs: [lab] };
    const emit: SessionOptions["emit"] = (event) => event.type === "notice" && notices.push(event.text);
    options = { project, lab, target: "libvirt", environment: {}, emit };
    // No virsh: then only Terraform tells of VMs.
    process.env["PATH"] = join(folder, "nothing");
    await mkdir(join(folder, "nothing"));
    notices.length = 0;
  });
  afterEach(async () => {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  });

  test("machines that are given are not booted", async () => {
    expect(await bootVms({ ...options, target: "ssh" })).toBeUndefined();
    expect(await bootVms({ ...options, target: "local" })).toBeUndefined();
  });

  test("the pin of a VM that was made again goes, once; the others stay", async () => {
    const paths = statePaths(options.project, lab.name, "libvirt");
    const pins = new KnownHosts(paths.knownHostsFile);
    const keys = async () =>
      (await Promise.all(["192.168.1.18", "192.168.1.28", "192.168.1.38"].map((name) => pins.keysOf(name)))).map(({ length }) => length);
    await mkdir(paths.targetFolder, { recursive: true });
    await writeFile(
      paths.knownHostsFile,
      ["18", "28", "38"].map((n) => `192.168.1.${n} ssh-ed25519 ${fakeHostKey(Number(n)).toString("base64")}\n`).join(""),
    );
    const remembered = { vcpus: 1, memoryMiB: 2048 };
    await writeState(paths, {
      ...EMPTY_STATE,
      vms: { "redis-18": { domainId: "old", ...remembered }, "redis-28": { domainId: "same", ...remembered } },
    });
    const environment = { REDIS_LAB_DOMAINS: JSON.stringify({ "redis-18": "new", "redis-28": "same", "redis-38": "first" }) };
    expect((await bootVms({ ...options, environment }))?.blind).toBe(false);
    expect(await keys()).toEqual([0, 1, 0]);
    expect((await readState(paths)).vms).toMatchObject({
      "redis-18": { domainId: "new", hypervisor: "local" },
      "redis-28": { domainId: "same" },
      "redis-38": { domainId: "first", memoryMiB: 2048 },
    });
    // What is pinned from now on belongs to these VMs, even if the run is cut off.
    await writeFile(paths.knownHostsFile, `192.168.1.18 ssh-ed25519 ${fakeHostKey(1).toString("base64")}\n`);
    await bootVms({ ...options, environment });
    expect(await keys()).toEqual([1, 0, 0]);
  });

  test("the pin of a VM that Terraform made again around its disk stays: a changed key would be trusted otherwise", async () => {
    const paths = statePaths(options.project, lab.name, "libvirt");
    const pins = new KnownHosts(paths.knownHostsFile);
    const boot = async (ids: Readonly<Record<string, string>>) => {
      await mkdir(paths.targetFolder, { recursive: true });
      await writeFile(paths.knownHostsFile, `192.168.1.18 ssh-ed25519 ${fakeHostKey(1).toString("base64")}\n`);
      const remembered = { vcpus: 1, memoryMiB: 2048 };
      const vms = { "redis-18": { domainId: "old", ...remembered, diskStays: true }, "redis-28": { domainId: "same", ...remembered } };
      await writeState(paths, { ...EMPTY_STATE, vms });
      await bootVms({ ...options, environment: { REDIS_LAB_DOMAINS: JSON.stringify(ids) } });
      return (await pins.keysOf("192.168.1.18")).length;
    };
    expect(await boot({ "redis-18": "new", "redis-28": "same" })).toBe(1);
    // It counts once.
    expect((await readState(paths)).vms?.["redis-18"]).toEqual(expect.not.objectContaining({ diskStays: true }));
    // The whole lab was destroyed and made again: all disks are others.
    expect(await boot({ "redis-18": "new", "redis-28": "new too" })).toBe(0);
  });

  test("where nobody tells of VMs, pins stay and the wait is short", async () => {
    const paths = statePaths(options.project, lab.name, "libvirt");
    await mkdir(paths.targetFolder, { recursive: true });
    await writeFile(paths.knownHostsFile, `192.168.1.18 ssh-ed25519 ${fakeHostKey(1).toString("base64")}\n`);
    const boot = await bootVms(options);
    expect(boot?.blind).toBe(true);
    expect(await new KnownHosts(paths.knownHostsFile).keysOf("192.168.1.18")).toHaveLength(1);
    // That there is no virsh is no news to anybody.
    expect(notices).toEqual([]);
  });

  test("malformed ids are an error before anything is touched", async () => {
    const environment = { REDIS_LAB_DOMAINS: "{" };
    await expect(bootVms({ ...options, environment })).rejects.toMatchObject({ code: "operations.malformed-domains" });
  });
});
