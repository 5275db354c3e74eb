import { describe, expect, test } from "vitest";
import { judge } from "../../lib/libvirt/preflight-rules.ts";
import { findings, GOOD, told, wanted } from "./support/facts.ts";

test("a hypervisor on which nothing is wrong", () => {
  const checks = judge(wanted(), GOOD);
  expect(checks.flatMap((check) => check.findings)).toEqual([]);
  expect(checks.map(({ name, hypervisor, seen }) => [name, hypervisor, seen])).toEqual([
    ["libvirtd", "local", "qemu:///system, QEMU 7.2.22"],
    ["storage pool", "local", "/var/lib/libvirt/images"],
    ["network", "local", "cluster, 192.168.1.0/24"],
    ["names", "local", "7 VMs"],
    ["deployed", "local", "nothing yet"],
    ["virtualization", "local", "kvm"],
    ["memory", "local", "46.9 GiB of 62.5 GiB available"],
  ]);
});

test("separate daemons without the socket that Terraform's provider speaks to", () => {
  const computer = { ...GOOD.computer!, missingSocket: "/var/run/libvirt/libvirt-sock" };
  expect(findings({ computer })).toMatchObject([
    { severity: "error", code: "libvirt.no-provider-socket", next: expect.stringContaining("virtproxyd") },
  ]);
});

describe("virtualization", () => {
  const refused = { kvm: "invalid argument: the accel 'kvm' is not supported", qemu: undefined };
  const here = { ...GOOD.computer!, hasKvmDevice: false };
  const type = (domainType: "auto" | "kvm" | "qemu") => wanted({ hypervisors: [{ name: "local", domainType }] });

  test("auto falls back on this computer, and says what that costs", () => {
    expect(findings({ refusals: refused, computer: here })).toMatchObject([
      { severity: "warning", code: "libvirt.emulated", why: expect.stringContaining("ten times slower") },
    ]);
  });

  test("where qemu is asked for there is nothing to say", () => {
    expect(told({ refusals: refused, computer: here }, type("qemu"))).toEqual([]);
  });

  test("where kvm is asked for, or the hypervisor is elsewhere, there must be one", () => {
    expect(told({ refusals: refused, computer: here }, type("kvm"))).toEqual(["error libvirt.no-kvm"]);
    expect(findings({ refusals: refused, computer: undefined })).toMatchObject([
      { severity: "error", code: "libvirt.no-kvm", why: refused.kvm, next: expect.stringContaining('domainType: "qemu"') },
    ]);
  });

  test("without any emulator nothing starts", () => {
    const refusals = { kvm: "no", qemu: "unable to find any emulator to serve 'x86_64' architecture" };
    expect(told({ refusals }, type("qemu"))).toEqual(["error libvirt.no-emulator"]);
  });

  test("VMs that are there keep what they have", () => {
    const states = new Map(wanted().vms.map(({ domainName }) => [domainName, "off" as const]));
    expect(told({ refusals: refused, states }, type("kvm"))).toEqual([]);
  });
});

describe("memory", () => {
  const memory = { totalMiB: 16_000, availableMiB: 10_000 };

  test("seven VMs of 2 GiB do not fit into 10", () => {
    expect(findings({ memory })).toMatchObject([
      { severity: "warning", code: "libvirt.memory-short", what: expect.stringContaining("14.0 GiB of memory; 9.8 GiB are available") },
    ]);
  });

  test("what runs already has its memory", () => {
    const states = new Map(
      wanted()
        .vms.slice(0, 3)
        .map(({ domainName }) => [domainName, "running" as const]),
    );
    expect(told({ memory, states })).toEqual([]);
  });

  test("a hypervisor that does not tell is not judged", () => expect(told({ memory: undefined })).toEqual([]));
});
