import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { run } from "../support/command.ts";
import { sentinelInput } from "../support/labs.ts";
import { worldContext } from "./rig/world.ts";
import { makeTerraformProject, type TerraformProject } from "./support/terraform-project.ts";

// What Terraform says to the stacks, with the provider itself and a libvirt that answers. Nothing is made.

const { libvirtUri, pool } = worldContext();
let project: TerraformProject;

/** Two hypervisors: the same libvirt by two URIs, which Terraform takes for two. */
const pair = (): LabInput =>
  sentinelInput({
    name: "pair",
    network: { cidr: "192.168.1.0/24", loopback: "127.0.4.0/24" },
    hosts: numberedHosts("192.168.1", [18, 28, 38]),
    libvirt: {
      hypervisors: [
        { name: "kvm-1", uri: libvirtUri, pool, domainType: "qemu" },
        { name: "kvm-2", uri: "qemu+unix:///system?socket=/run/libvirt/libvirt-sock", pool, domainType: "qemu" },
      ],
      image: project.image,
      network: { mode: "bridge", bridge: "br-none", gateway: "192.168.1.254" },
    },
  });

beforeAll(async () => {
  project = await makeTerraformProject();
  await project.synth(cluster, sentinel, pair());
});
afterAll(() => project?.remove());

test.each(["cluster", "sentinel", "pair"])("the stack of %s is valid", async (lab) => {
  expect(JSON.parse(await project.ok(lab, "validate", "-json"))).toMatchObject({ valid: true, error_count: 0, warning_count: 0 });
});

test.each([cluster, sentinel])("the plan of $name makes its VMs, and leaves nothing else", async ({ name, hosts }) => {
  expect(await project.plan(name)).toEqual(
    [
      "create terraform_data.Bootstrap",
      "create terraform_data.Preflight",
      "create libvirt_network.local_Network",
      "create libvirt_volume.local_BaseImage",
      ...hosts.flatMap((host) => [
        `create libvirt_domain.local_${host.name}`,
        `create libvirt_volume.local_${host.name}_cloud-init`,
        `create libvirt_volume.local_${host.name}_disk`,
        `create terraform_data.Member["${host.name}"]`,
        `create terraform_data.Place["${host.name}"]`,
      ]),
    ].sort((a, b) => a.localeCompare(b)),
  );
});

test("the plan of a lab on two hypervisors has each host on its own, by its provider", async () => {
  const changes = await project.plan("pair");
  expect(changes.filter((change) => change.includes("BaseImage"))).toEqual([
    "create libvirt_volume.kvm-1_BaseImage",
    "create libvirt_volume.kvm-2_BaseImage",
  ]);
  const domains = changes.flatMap((change) => /libvirt_domain\.(.*)_redis-/.exec(change)?.[1] ?? []);
  expect(new Set(domains)).toEqual(new Set(["kvm-1", "kvm-2"]));
  expect(domains).toHaveLength(3);
  const { configuration } = JSON.parse(await project.ok("pair", "show", "-json", "plan"));
  const resources: readonly { type: string; name: string; provider_config_key: string }[] = configuration.root_module.resources;
  for (const { type, name, provider_config_key } of resources.filter(({ type }) => type.startsWith("libvirt_")))
    expect(provider_config_key, `${type}.${name}`).toBe(`libvirt.${name.split("_")[0]}`);
});

test("a plan is a plan: neither redis-lab nor libvirt did anything", async () => {
  expect(await project.calls()).toEqual([]);
  expect((await run("virsh", ["-q", "list", "--all", "--name"])).trim()).toBe("");
  expect((await run("virsh", ["-q", "vol-list", pool])).trim()).toBe("");
});
