import { expect, test } from "vitest";
import { readDomain } from "../../lib/libvirt/domains.ts";
import { type Orphan, usersOf } from "../../lib/libvirt/orphans.ts";
import { wanted } from "./support/facts.ts";
import { testXml } from "./support/testdata.ts";

const POOL = "/var/lib/libvirt/images";
const free = { hypervisor: wanted().hypervisor, usedBy: [], ours: true } as const;
const network = (name: string, bridge: string): Orphan => ({ ...free, kind: "network", name, id: "-", bridge });
const volume = (name: string): Orphan => ({ ...free, kind: "volume", name, pool: "default", path: `${POOL}/${name}`, host: "h" });

test("a running VM uses itself, the network that it is plugged into by name or by bridge, its disks and the images below them", async () => {
  const domain = readDomain(await testXml("domain-running.xml"));
  const users = (orphan: Orphan) => usersOf(orphan, [domain]);
  const mine = { ...free, kind: "domain", name: "dd-redis-18", host: "redis-18", state: "running", volumes: [] } as const;
  expect(users({ ...mine, id: domain.id })).toEqual(["dd-redis-18"]);
  expect(users({ ...mine, id: "another" })).toEqual([]);
  // One that is off, whose disk was given to the one that runs.
  const disk = { pool: "default", name: "dd-redis-18.qcow2", path: `${POOL}/dd-redis-18.qcow2` };
  expect(users({ ...mine, id: "another", volumes: [disk] })).toEqual(["dd-redis-18"]);

  expect(users(network("dd", "virbr9"))).toEqual(["dd-redis-18"]);
  expect(users(network("renamed", "virbr0"))).toEqual(["dd-redis-18"]);
  expect(users(network("other", "virbr9"))).toEqual([]);

  expect(users(volume("dd-redis-18.qcow2"))).toEqual(["dd-redis-18"]);
  expect(users(volume("dd.base-ef9e6e7ed265.qcow2"))).toEqual(["dd-redis-18"]);
  expect(users(volume("dd-redis-28.qcow2"))).toEqual([]);
});
