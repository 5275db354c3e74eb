import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { type Login, TARGETS, type TargetName } from "../../lib/lab/targets.ts";
import { clusterInput } from "../support/labs.ts";

const LAB_KEY = "/project/.redis-lab/cluster/id_ed25519";
const remote = (uri: string): LabInput["libvirt"] => ({ hypervisors: [{ name: "kvm-1", uri }] });

function login(target: TargetName, changes: Partial<LabInput> = {}, ssh?: LabInput["ssh"]): Login {
  const [first, ...others] = clusterInput().hosts;
  const hosts = [{ ...(first ?? { name: "", address: "" }), ...(ssh && { ssh }) }, ...others];
  const lab = defineLab(clusterInput({ hosts, ...changes }));
  const [host] = lab.hosts;
  if (host === undefined) throw new Error("no host");
  return TARGETS[target].login(lab, host, LAB_KEY);
}

describe("given machines", () => {
  test("are reached as the lab says, and the host before it", () => {
    expect(login("ssh")).toEqual({});
    expect(login("ssh", { ssh: { user: "admin", port: 2222 } }, { port: 22 })).toEqual({ user: "admin", port: 22 });
    expect(login("local", { ssh: { user: "admin" } })).toEqual({});
  });

  test("the key of a host opens its jump host too, unless that has one", () => {
    const ssh = { jump: "bastion", keyFile: "/key" };
    expect(login("ssh", { ssh })).toEqual({ ...ssh, jumpKeyFile: "/key" });
    expect(login("ssh", { ssh }, { keyFile: "/host-key" })).toEqual({ jump: "bastion", keyFile: "/host-key", jumpKeyFile: "/host-key" });
    expect(login("ssh", { ssh: { ...ssh, jumpKeyFile: "/jump-key" } })).toEqual({ ...ssh, jumpKeyFile: "/jump-key" });
    expect(login("ssh", { ssh: { jump: "bastion" } })).toEqual({ jump: "bastion" });
  });
});

describe("VMs", () => {
  test("are reached as the image's user with the lab's key", () => {
    expect(login("libvirt")).toEqual({ user: "centos", keyFile: LAB_KEY });
    const image = { location: "/image", sha256: "a".repeat(64), user: "debian", osFamily: "debian" } as const;
    expect(login("libvirt", { libvirt: { image } })).toEqual({ user: "debian", keyFile: LAB_KEY });
  });

  test("of a team with a public key are reached with what everybody has", () => {
    const libvirt = { publicKeyFile: "team.pub" };
    expect(login("libvirt", { libvirt })).toEqual({ user: "centos" });
    expect(login("libvirt", { libvirt, ssh: { keyFile: "/team" } })).toEqual({ user: "centos", keyFile: "/team" });
  });

  test("on another computer are reached through it, which knows nothing of the lab's key", () => {
    expect(login("libvirt", { libvirt: remote("qemu+ssh://root@kvm-1/system") })).toEqual({
      user: "centos",
      keyFile: LAB_KEY,
      jump: "root@kvm-1",
    });
    expect(login("libvirt", { libvirt: remote("qemu+ssh://root@kvm-1:2222/system?keyfile=~/.ssh/kvm") })).toEqual({
      user: "centos",
      keyFile: LAB_KEY,
      jump: "root@kvm-1:2222",
      jumpKeyFile: "~/.ssh/kvm",
    });
  });

  test("are reached as the lab says where it says something", () => {
    const libvirt = remote("qemu+ssh://root@kvm-1/system?keyfile=/kvm");
    const own = { user: "centos", keyFile: LAB_KEY };
    expect(login("libvirt", { libvirt, ssh: { jumpKeyFile: "/jump" } })).toEqual({ ...own, jump: "root@kvm-1", jumpKeyFile: "/jump" });
    // Another jump host than the hypervisor, whose key is not for it.
    expect(login("libvirt", { libvirt }, { jump: "me@bastion" })).toEqual({ ...own, jump: "me@bastion" });
    expect(login("libvirt", { libvirt, ssh: { jump: "bastion", keyFile: "/key" } })).toEqual({
      user: "centos",
      jump: "bastion",
      keyFile: "/key",
      jumpKeyFile: "/key",
    });
  });
});
