import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { missingPrerequisites } from "../../stacks/prerequisites.ts";

let folder: string;
let socket: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-prerequisites-"));
  await mkdir(join(folder, "all"));
  await mkdir(join(folder, "none"));
  for (const name of ["terraform", "npx", "tofu"]) {
    await writeFile(join(folder, "all", name), "#!/bin/sh\n");
    await chmod(join(folder, "all", name), 0o755);
  }
  socket = join(folder, "libvirt-sock");
  await writeFile(socket, "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const here = () => [`qemu+unix:///system?socket=${socket}`];

test("nothing is missing where everything is there", () => {
  expect(missingPrerequisites(here(), { PATH: join(folder, "all") })).toEqual([]);
});

test("a program that is not on the PATH is named with its use and its cure", () => {
  expect(missingPrerequisites([], { PATH: join(folder, "none") })).toEqual([
    expect.stringMatching(
      /^terraform is not on the PATH.*: install Terraform, or OpenTofu and name it: export TERRAFORM_BINARY_NAME=tofu\.$/,
    ),
    expect.stringMatching(/^npx is not on the PATH/),
  ]);
});

test("a file that can't be executed is not a program", async () => {
  const path = join(folder, "plain");
  await mkdir(path);
  await writeFile(join(path, "npx"), "");
  expect(missingPrerequisites([], { PATH: `${path}:`, TERRAFORM_BINARY_NAME: join(folder, "all", "tofu") })).toEqual([
    expect.stringMatching(/^npx is not on the PATH/),
  ]);
});

test("OpenTofu counts where it is named, and terraform then does not", () => {
  const environment = { PATH: join(folder, "all"), TERRAFORM_BINARY_NAME: "tofu" };
  expect(missingPrerequisites([], environment)).toEqual([]);
  expect(missingPrerequisites([], { ...environment, TERRAFORM_BINARY_NAME: "tofu-1.8" })).toEqual([
    expect.stringMatching(/^tofu-1\.8 is not/),
  ]);
});

test("no libvirt on this computer is reported once, with what to install and start", () => {
  const absent = `qemu+unix:///system?socket=${folder}/absent`;
  expect(missingPrerequisites([absent, absent], { PATH: join(folder, "all") })).toEqual([
    expect.stringMatching(/^There is no libvirt on this computer \(.*absent is absent\): install .* systemctl enable --now libvirtd\.$/),
  ]);
});

test("a socket without permission is the group libvirt, for anybody but root", async () => {
  await chmod(socket, 0);
  const expected = process.getuid?.() === 0 ? [] : [expect.stringMatching(/no permission on .*--groups libvirt/)];
  expect(missingPrerequisites(here(), { PATH: join(folder, "all") })).toEqual(expected);
  await chmod(socket, 0o600);
});

test("a remote hypervisor's libvirt is not looked for here", () => {
  const uris = ["qemu+ssh://root@kvm-1/system", "qemu+tls://kvm-2/system", "qemu://kvm-3/system"];
  expect(missingPrerequisites(uris, { PATH: join(folder, "all") })).toEqual([]);
});
