import { describe, expect, test } from "vitest";
import type { HypervisorFacts } from "../../lib/libvirt/preflight-facts.ts";
import { findings, GOOD, told, wanted } from "./support/facts.ts";

const network = (changes: Partial<HypervisorFacts["networks"][number]> = {}): HypervisorFacts["networks"][number] => ({
  name: "default",
  id: "11111111-1111-1111-1111-111111111111",
  bridge: "virbr0",
  mode: "nat",
  ranges: ["192.168.122.0/24"],
  active: true,
  ...changes,
});
const computer = (...networks: NonNullable<HypervisorFacts["computer"]>["networks"]) => ({ ...GOOD.computer!, networks });

describe("its name", () => {
  test("libvirt's own network disturbs nobody", () => expect(told({ networks: [network()] })).toEqual([]));

  test("is taken by a network of other addresses", () => {
    const networks = [network({ name: "cluster" })];
    expect(findings({ networks })).toMatchObject([
      { severity: "error", code: "network.name-taken", what: expect.stringContaining("nat, 192.168.122.0/24, virbr0") },
    ]);
    expect(told({ networks }, wanted({ network: { mode: "nat", name: "lab-net" } }))).toEqual([]);
  });

  test("is the lab's own where Terraform made it, whatever its addresses are by now", () => {
    const ours = network({ name: "cluster" });
    const known = { ...ours, domain: undefined, autostart: true, hypervisor: "local" };
    const terraform = { kind: "read", resources: 1, domains: new Map(), volumes: [], networks: new Map([[ours.id, known]]) } as const;
    expect(told({ networks: [ours] }, wanted({}, { terraform }))).toEqual([]);
    expect(told({ networks: [network({ name: "cluster", ranges: ["192.168.1.0/24"] })] })).toEqual([]);
  });
});

describe("its addresses", () => {
  test("are those of another network of libvirt", () => {
    const other = network({ name: "cluster-2", ranges: ["192.168.0.0/20"] });
    expect(findings({ networks: [other] })).toMatchObject([
      { severity: "error", code: "network.range-taken", what: expect.stringContaining('libvirt network "cluster-2" (192.168.0.0/20)') },
    ]);
    expect(told({ networks: [{ ...other, active: false }] })).toEqual(["warning network.range-taken"]);
  });

  test("are those of an interface: libvirt refuses the same, and others would swallow what is meant for VMs", () => {
    const found = (range: string, address?: string) =>
      findings({ computer: computer({ interface: "eth0", range, ...(address !== undefined && { address }) }) }).map(({ severity, why }) => [
        severity,
        why,
      ]);
    expect(found("192.168.1.0/24", "192.168.1.7")).toEqual([["error", "libvirt refuses to start a network there."]]);
    expect(found("192.168.1.64/26", "192.168.1.77")).toEqual([["error", "What is meant for VMs would be sent through eth0."]]);
    expect(found("192.168.1.58/32")).toEqual([["error", "What is meant for VMs would be sent through eth0."]]);
    // The computer's own address is in the lab's network: it would be a VM's neighbour twice.
    expect(found("192.168.0.0/16", "192.168.1.7")[0]?.[0]).toBe("error");
    expect(found("192.168.0.0/16", "192.168.200.7")[0]?.[0]).toBe("warning");
    expect(found("192.168.0.0/16")[0]?.[0]).toBe("warning");
    expect(found("192.168.2.0/24", "192.168.2.7")).toEqual([]);
  });

  test("are on the lab's own bridge, once it is there", () => {
    const networks = [network({ name: "cluster", bridge: "virbr5", ranges: ["192.168.1.0/24"] })];
    expect(told({ networks, computer: computer({ interface: "virbr5", range: "192.168.1.0/24", address: "192.168.1.1" }) })).toEqual([]);
  });

  test("are not judged on another computer", () => expect(told({ computer: undefined })).toEqual([]));
});

describe("a bridge", () => {
  const want = wanted({ network: { mode: "bridge", bridge: "br0" } });
  const bridge = (kind: NonNullable<HypervisorFacts["computer"]>["bridge"]) => ({ computer: { ...GOOD.computer!, bridge: kind } });

  test.each([
    ["bridge", []],
    ["absent", ["error bridge.absent"]],
    ["other", ["error bridge.none"]],
    [undefined, []],
  ] as const)("that is %s", (kind, expected) => expect(told(bridge(kind), want)).toEqual(expected));

  test("has the addresses around it, and that is right", () => {
    const facts = {
      computer: { ...bridge("bridge").computer, networks: [{ interface: "br0", range: "192.168.1.0/24", address: "192.168.1.2" }] },
    };
    expect(told(facts, want)).toEqual([]);
  });
});
