import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../support/command.ts";
import { worldContext } from "./rig/world.ts";
import { makeTerraformProject, type TerraformProject } from "./support/terraform-project.ts";

// The example of a stack of one's own, under the real Terraform, provider and libvirt, on blank disks: what it adds to the VMs of a lab comes and goes with them.

const { libvirtUri, pool } = worldContext();
let project: TerraformProject;

beforeAll(async () => {
  project = await makeTerraformProject();
  const hypervisors = [{ name: "here", uri: libvirtUri, pool, domainType: "qemu" }];
  const libvirt = { hypervisors, image: project.image, diskGiB: 1 };
  await project.synthExample("own-stack", "cache", (text) => text.replace("layout:", `libvirt: ${JSON.stringify(libvirt)},\n  layout:`));
});
afterAll(() => project?.remove());

const lines = async (...words: readonly string[]) =>
  (await run("virsh", ["-q", ...words])).split("\n").filter((line) => line.trim() !== "");
const volumes = async () => (await lines("vol-list", pool)).flatMap((line) => /^\s*(\S+)/.exec(line)?.[1] ?? []);

test("it is deployed with what it adds to the lab, after preflight", async () => {
  await project.ok("cache", "apply", "-input=false", "-auto-approve", "-no-color");
  expect((await lines("list", "--name")).sort()).toEqual(["cache-clients", "cache-redis-11", "cache-redis-12", "cache-redis-13"]);
  expect(await volumes()).toEqual(
    expect.arrayContaining(["cache-clients-cloudinit.iso", "cache-clients.qcow2", "cache-dumps.qcow2", "cache-redis-11.qcow2"]),
  );
  const network = (domain: string) => lines("domiflist", domain).then(([line = ""]) => line.trim().split(/\s+/).slice(1, 3));
  expect(await network("cache-clients")).toEqual(["network", "cache"]);
  expect((await project.calls()).map(({ words }) => words)).toEqual(["preflight cache", "up cache --target libvirt"]);
  expect(JSON.parse(await project.ok("cache", "output", "-json", "endpoints"))).toEqual([
    "10.34.0.11:6379",
    "10.34.0.12:6379",
    "10.34.0.13:6379",
  ]);
});

test("the second plan is empty, and redis-lab takes nothing of it for a leftover", async () => {
  expect(await project.plan("cache")).toEqual([]);
  const { stdout } = await project.redisLab("doctor", "cache", "--target", "libvirt", "--json");
  const { checks, findings } = JSON.parse(stdout) as { checks: readonly string[]; findings: readonly { check: string }[] };
  const ofTerraform = ["vm", "deployed", "orphans"];
  expect(checks).toEqual(expect.arrayContaining(ofTerraform));
  // The blank disks of the hosts have no sshd that could be reached.
  expect(findings.filter(({ check }) => ofTerraform.includes(check))).toEqual([]);
});

test("destroy lets the lab's hosts leave, and leaves nothing of it behind", async () => {
  await project.calls();
  await project.ok("cache", "destroy", "-input=false", "-auto-approve", "-no-color");
  expect((await project.calls()).map(({ words }) => words).sort()).toEqual([11, 12, 13].map((number) => `leave cache -- redis-${number}`));
  expect([...(await lines("list", "--all", "--name")), ...(await lines("net-list", "--all", "--name")), ...(await volumes())]).toEqual([]);
});
