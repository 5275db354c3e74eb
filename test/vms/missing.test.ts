import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import { planVms } from "../../lib/lab/vms.ts";
import { startVm, stopVm } from "../../lib/libvirt/boot.ts";
import { runPreflight } from "../../lib/libvirt/preflight.ts";
import { repairDeployed } from "../../lib/libvirt/repair-deployed.ts";
import { readTerraformState } from "../../lib/libvirt/terraform-state.ts";
import { openProject } from "../../lib/project/project.ts";
import { EMPTY_STATE, statePaths, writeState } from "../../lib/project/state.ts";
import { run } from "../support/command.ts";
import { virsh, whatIsThere, worldContext } from "./rig/rig.ts";
import { momentaryVms } from "./support/momentary-vms.ts";
import { makeTerraformProject, type TerraformProject } from "./support/terraform-project.ts";

// What went away under VMs that the real Terraform and provider made, and what was left half made: found before Terraform stumbles over it, put back, or led out of by the commands that are printed.

const { poolFolder, state } = worldContext();
let project: TerraformProject;
let lab: Lab;

const input = () => momentaryVms(project, { name: "gone", net: 212 });
const deploy = (name: string) => project.ok(name, "apply", "-input=false", "-auto-approve", "-no-color");
const destroy = () => project.ok("gone", "destroy", "-input=false", "-auto-approve", "-no-color");
const terraformState = () => readTerraformState({ root: project.folder, lab: "gone" });
const putBack = async () => repairDeployed(lab, await terraformState(), { emit: () => {} });
/** Codes of all findings, with their severity. */
async function told(): Promise<readonly string[]> {
  const checks = await runPreflight(lab, { root: project.folder });
  return checks.flatMap(({ findings }) => findings.map(({ severity, code }) => `${severity} ${code}`));
}

beforeAll(async () => {
  project = await makeTerraformProject();
  lab = defineLab(input());
  await project.synth(input());
  await deploy("gone");
});
afterAll(() => project?.remove());

test("VMs lose their network, and get it back as Terraform knows it", async () => {
  const plugged = async () => {
    const links = JSON.parse(await run("ip", ["-j", "link"])) as readonly { readonly ifname: string; readonly master?: string }[];
    return links.filter(({ ifname, master }) => ifname.startsWith("vnet") && master?.startsWith("virbr")).length;
  };
  const plug = [18, 28, 38].map((number) => expect.stringMatching(`^plugged gone-redis-${number} into virbr`));

  await virsh("net-destroy", "gone");
  expect(await told()).toEqual(["error network.inactive"]);
  await virsh("net-start", "gone");
  expect(await plugged()).toBe(0);
  expect(await told()).toEqual(["error network.unplugged"]);
  expect(await putBack()).toEqual({ done: plug, failed: [] });
  expect(await plugged()).toBe(3);
  expect(await putBack()).toEqual({ done: [], failed: [] });

  await virsh("net-destroy", "gone");
  await virsh("net-undefine", "gone");
  // Neither a plan nor a destroy gets as far as preflight.
  await expect(project.plan("gone")).rejects.toThrow("Network not found");
  expect(await told()).toEqual(["error network.absent"]);
  const { code, stdout } = await project.redisLab("preflight", "gone");
  expect(stdout).toMatch(
    /repairs \(defined the network gone again, started the network gone, plugged gone-redis-18 into virbr\d+ again, .*gone-redis-38 .*\)/,
  );
  expect(stdout).toContain("gone: ready to be deployed (0 errors, 0 warnings)");
  expect(code).toBe(0);
  expect(await told()).toEqual([]);
  expect(await plugged()).toBe(3);
  expect(await virsh("net-info", "gone")).toMatch(/^Autostart:\s+yes$/m);
  expect(await project.plan("gone")).toEqual([]);
});

test("VMs lose the image below their disks, which would cost none of them its disk, and get the same again", async () => {
  const [image] = (await whatIsThere()).volumes.filter((name) => name.startsWith("gone.base-"));
  await virsh("vol-delete", "--pool", "default", image ?? "");
  expect(await told()).toEqual(["error image.volume-absent"]);
  expect((await project.plan("gone")).filter((change) => change.includes("delete"))).toEqual([]);
  expect(await putBack()).toEqual({
    done: [`uploaded the image ${image} again`],
    failed: [],
  });
  expect(await run("cmp", [join(poolFolder, image ?? ""), typeof project.image.location === "string" ? project.image.location : ""])).toBe(
    "",
  );
  expect(await told()).toEqual([]);
  expect(await project.plan("gone")).toEqual([]);
  const [vm] = planVms(lab).vms;
  if (vm === undefined) throw new Error("the lab has no VM");
  await stopVm(vm, { timeoutMs: 0 });
  await startVm(vm);
});

test("a VM loses its disk, and the commands that preflight prints lead out", async () => {
  await virsh("vol-delete", "--pool", "default", "gone-redis-28.qcow2");
  await expect(project.plan("gone")).rejects.toThrow("Storage volume not found");
  const found = (await runPreflight(lab, { root: project.folder })).flatMap(({ findings }) => findings);
  expect(found.map(({ code }) => code)).toEqual(["volume.absent"]);
  const [, commands, deployed] = /^Give up .*: (virsh .*); npx cdktf deploy (\w+)$/.exec(found[0]?.next ?? "") ?? [];
  await run("sh", ["-c", commands ?? "false"]);
  await deploy(deployed ?? "");
  expect(await told()).toEqual([]);
  expect(await project.plan("gone")).toEqual([]);
});

test("VMs are looked after by a synth, the one thing of ours that runs before Terraform looks at them", async () => {
  const warnings = async () => project.synth(input()).then(() => project.warnings("gone"));
  await virsh("net-destroy", "gone");
  // Nothing is asked where no VM was made from here.
  expect(await warnings()).toEqual([]);
  const paths = statePaths(await openProject({ from: project.folder }), "gone", "libvirt");
  await writeState(paths, { ...EMPTY_STATE, deployBegan: "2026-01-01T00:00:00Z" });
  expect(await warnings()).toEqual([expect.stringContaining("npx redis-lab preflight gone starts it")]);
  // Terraform would have no changes; like this preflight runs, which starts it.
  expect(await project.plan("gone")).toEqual(["delete+create terraform_data.Preflight"]);
  await putBack();
  expect(await warnings()).toEqual([]);
  expect(await project.plan("gone")).toEqual([]);
  await rm(paths.targetFolder, { recursive: true });
  await destroy();
});

test("a deploy that was cut off while it made the network is continued after the command that a synth names, without a terminal", async () => {
  await project.synth(input());
  await project.ok("gone", "apply", "-input=false", "-auto-approve", "-no-color", "-target=terraform_data.Place");
  const file = join(state, "cut-off.xml");
  await run("sh", [
    "-c",
    'printf %s "$1" > "$2"',
    "sh",
    "<network><name>gone</name><ip address='192.168.212.1' prefix='24'/></network>",
    file,
  ]);
  await virsh("net-define", file);
  const paths = statePaths(await openProject({ from: project.folder }), "gone", "libvirt");
  await writeState(paths, { ...EMPTY_STATE, deployBegan: "2026-01-01T00:00:00Z" });
  try {
    await expect(deploy("gone")).rejects.toThrow("already exists");
    await project.synth(input());
    expect(await project.warnings("gone")).toEqual([expect.stringContaining("npx redis-lab doctor gone --fix")]);
    const { stderr } = await project.redisLab("doctor", "gone", "--fix");
    expect(stderr).toContain("remove gone");
    expect((await whatIsThere()).networks).toEqual([]);
    await deploy("gone");
    expect(await project.plan("gone")).toEqual([]);
  } finally {
    await rm(paths.targetFolder, { recursive: true });
    await destroy();
  }
});
