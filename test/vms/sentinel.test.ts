import { afterAll, beforeAll, expect } from "vitest";
import { removeWhatIsThere, virsh, whatIsThere } from "./rig/rig.ts";
import { chapters } from "./support/chapters.ts";
import { sentinelOnVms } from "./support/labs.ts";
import { VmProject } from "./support/vm-project.ts";
import { domainIds, waitForLayout, waitForPromotion } from "./support/vms.ts";

// The sentinel lab on three VMs: nothing but a project and a libvirt before, Redis compiled inside of a VM, a master that loses its power.

const LAB = "sentinel";
const test = chapters();
let project: VmProject;
let before: Awaited<ReturnType<typeof whatIsThere>>;

beforeAll(async () => {
  before = await whatIsThere();
  project = await VmProject.create(await sentinelOnVms());
});
afterAll(async () => {
  await project?.remove();
  await removeWhatIsThere();
});

test("cdktf deploy makes three VMs, compiles Redis in one of them and forms the layout", async () => {
  const deploy = await project.deploy(LAB);
  console.log(`sentinel, first deploy with compile: ${deploy.seconds.toFixed(0)} s`);
  expect(deploy.output).toContain("sentinel on libvirt: healthy");
  expect(await waitForLayout(project, LAB)).toEqual([
    "redis-18:6379 master",
    "redis-18:26379 sentinel",
    "redis-28:6379 replica",
    "redis-28:26379 sentinel",
    "redis-38:6379 replica",
    "redis-38:26379 sentinel",
  ]);
  expect(Object.keys(await domainIds())).toEqual(["sentinel-redis-18", "sentinel-redis-28", "sentinel-redis-38"]);
});

// At once: what a deploy installed is on the disk when it ends, and not half a minute later.
test("the master's VM powered off: the sentinels promote a replica; switched on again, it is a replica", async () => {
  await virsh("destroy", "sentinel-redis-18");
  const promoted = await waitForPromotion(project, LAB, "redis-18", ["redis-28", "redis-38"]);
  await virsh("start", "sentinel-redis-18");
  await waitForLayout(project, LAB, [`${promoted} master`, "redis-18:6379 replica"]);
});

test("a second deploy finds nothing to do", async () => {
  const vms = await domainIds();
  const deploy = await project.deploy(LAB);
  expect(deploy.output).toContain("No changes. Your infrastructure matches the configuration.");
  expect(await domainIds()).toEqual(vms);
});

test("cdktf destroy leaves nothing behind", async () => {
  await project.destroy(LAB);
  expect(await whatIsThere()).toEqual(before);
});
