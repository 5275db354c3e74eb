import { expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { planNamespaces } from "../../lib/lab/namespaces.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { sentinelInput } from "../support/labs.ts";

function planned(cidr: string, changes: Partial<LabInput> = {}) {
  const input = sentinelInput();
  return planNamespaces(defineLab({ ...input, network: { ...input.network, cidr }, ...changes }));
}

const bridged = (gateway: string): Partial<LabInput> => ({ libvirt: { network: { mode: "bridge", bridge: "br0", gateway } } });

test("hosts keep their addresses, the bridge has the first free one and the client the last", () => {
  expect(planned("192.168.1.0/24")).toEqual({
    prefixLength: 24,
    control: "192.168.1.1",
    namespaces: [
      { name: "redis-18", address: "192.168.1.18" },
      { name: "redis-28", address: "192.168.1.28" },
      { name: "redis-38", address: "192.168.1.38" },
      { name: "client", address: "192.168.1.254" },
    ],
  });
});

test("the bridge stands in for the declared gateway, unless a host has that address or it is outside", () => {
  expect(planned("192.168.1.0/24", bridged("192.168.1.254"))).toMatchObject({ control: "192.168.1.254" });
  expect(planned("192.168.1.0/24", bridged("192.168.1.254")).namespaces.at(-1)).toEqual({ name: "client", address: "192.168.1.253" });
});

/** Three hosts in a network of six addresses, and more of them. */
function crowded(count: number) {
  const hosts = Array.from({ length: count }, (_, index) => ({ name: `redis-${index + 1}`, address: `10.0.0.${index + 1}` }));
  const [master, ...replicas] = hosts.map(({ name }) => name);
  return planned("10.0.0.0/29", { hosts, layout: { kind: "replication", master: master ?? "", replicas } as LabInput["layout"] });
}

test("a network needs two addresses more than it has hosts", () => {
  expect(crowded(4)).toMatchObject({ control: "10.0.0.5", namespaces: { length: 5 } });
  expect(crowded(4).namespaces.at(-1)?.address).toBe("10.0.0.6");
  expect(() => crowded(5)).toThrow("no address left beside those of its 5 hosts");
});

test("a host may not have the name of the clients' namespace", () => {
  const input = sentinelInput();
  const hosts = [...input.hosts, { name: "client", address: "192.168.1.99", instances: [] }];
  expect(() => planned("192.168.1.0/24", { hosts })).toThrow("that of the namespace for clients");
});
