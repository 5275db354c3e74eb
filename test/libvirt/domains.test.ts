import { expect, test } from "vitest";
import { macOf } from "../../lib/lab/vms.ts";
import { hostOf, parseDominfo, readDomain } from "../../lib/libvirt/domains.ts";
import { testdata, testXml } from "./support/testdata.ts";

const ID = "5716493b-ec00-4db4-92a3-9b032e132f66";

test("dominfo of several domains, of which one is not there", () => {
  expect([...parseDominfo(testdata("dominfo.txt"))]).toEqual([
    ["dd-redis-18", { id: ID, state: "running", vcpus: 2, memoryMiB: 1280 }],
    ["off", { id: "13875f23-7ce0-49e6-aebc-7a20f87d0725", state: "off", vcpus: 1, memoryMiB: 64 }],
  ]);
  expect(parseDominfo(testdata("dominfo-paused.txt")).get("dd-redis-18")?.state).toBe("paused");
  expect(parseDominfo("").size).toBe(0);
});

test.each([
  ["running", "running"],
  ["idle", "running"],
  ["in shutdown", "running"],
  ["paused", "paused"],
  ["pmsuspended", "paused"],
  ["shut off", "off"],
  ["crashed", "off"],
  ["no state", "unknown"],
])("libvirt's state %s is %s", (word, state) => {
  const text = testdata("dominfo-paused.txt").replace("paused", word);
  expect(parseDominfo(text).get("dd-redis-18")?.state).toBe(state);
});

test("the definition of a VM that Terraform made", async () => {
  expect(readDomain(await testXml("domain.xml"))).toEqual({
    name: "dd-redis-18",
    id: ID,
    macs: [macOf("dd", "redis-18")],
    interfaces: [{ network: "dd", bridge: undefined, tap: undefined }],
    backingFiles: [],
    disks: [
      { target: "vda", device: "disk", pool: "default", volume: "dd-redis-18.qcow2", file: undefined },
      { target: "vdb", device: "disk", pool: "default", volume: "dd-redis-18-cloudinit.iso", file: undefined },
    ],
  });
});

test("and of others, with a file and odd characters", async () => {
  const domain = readDomain(await testXml("domain-of-others.xml"));
  expect(domain.name).toBe("someone else's");
  expect(domain.disks).toEqual([{ target: "vda", device: "disk", pool: undefined, volume: undefined, file: "/srv/other & more.img" }]);
  expect(domain.macs).toEqual([]);
});

test("a VM is the lab's by its MAC address, not by its name alone", () => {
  const named = (name: string, ...macs: string[]) => ({ name, macs });
  const lab = { name: "cluster" };
  expect(hostOf(lab, named("cluster-redis-18", macOf("cluster", "redis-18")))).toBe("redis-18");
  expect(hostOf(lab, named("cluster-redis-18", "52:54:00:00:00:01", macOf("cluster", "redis-18")))).toBe("redis-18");
  expect(hostOf(lab, named("cluster-redis-18", "52:54:00:00:00:01"))).toBeUndefined();
  expect(hostOf(lab, named("cluster-redis-18"))).toBeUndefined();
  expect(hostOf(lab, named("sentinel-redis-18", macOf("sentinel", "redis-18")))).toBeUndefined();
  // The lab "cluster-b" has a host redis-18; it is not a host b-redis-18 of ours.
  expect(hostOf(lab, named("cluster-b-redis-18", macOf("cluster-b", "redis-18")))).toBeUndefined();
});
