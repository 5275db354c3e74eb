import { Testing } from "cdktf";
import { LabStack, openProject } from "redis-lab/stacks";
import { expect, test } from "vitest";

// The stacks as Terraform would get them, without a hypervisor: tests of your own labs and constructs go here.
const project = await openProject({ from: process.cwd() });

test.each(project.labs)("the stack of $name has a VM for every host", (lab) => {
  const stack = new LabStack(Testing.app(), lab.name, { project, lab, publicKey: "ssh-ed25519 AAAA of-a-test", digest: "of-a-test" });
  const { resource } = JSON.parse(Testing.synth(stack, true));
  const domains = Object.values<{ readonly name: string }>(resource.libvirt_domain);
  expect(domains.map(({ name }) => name).sort()).toEqual(lab.hosts.map(({ name }) => `${lab.name}-${name}`).sort());
});
