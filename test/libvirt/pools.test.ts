import { expect, test } from "vitest";
import { parseVolumes, volumeIn } from "../../lib/libvirt/pools.ts";
import { testdata, testXml } from "./support/testdata.ts";

test("names and paths of volumes", () => {
  expect([...parseVolumes(testdata("vol-list.txt"))]).toEqual([
    ["dd-redis-18-cloudinit.iso", "/var/lib/libvirt/images/dd-redis-18-cloudinit.iso"],
    ["dd-redis-18.qcow2", "/var/lib/libvirt/images/dd-redis-18.qcow2"],
    ["dd.base-0.qcow2", "/var/lib/libvirt/images/dd.base-0.qcow2"],
  ]);
  expect([...parseVolumes(" my disk.img   /srv/my disk.img \n\n")]).toEqual([["my disk.img", "/srv/my disk.img"]]);
});

test("a disk over an image, and the image", async () => {
  expect(volumeIn(await testXml("volume-overlay.xml"))).toEqual({
    name: "dd-redis-18.qcow2",
    path: "/var/lib/libvirt/images/dd-redis-18.qcow2",
    capacityBytes: 7 * 2 ** 30,
    format: "qcow2",
    backing: { path: "/var/lib/libvirt/images/dd.base-0.qcow2", format: "qcow2" },
  });
  expect(volumeIn(await testXml("volume-base.xml"))).toMatchObject({ name: "dd.base-0.qcow2", format: "qcow2", backing: undefined });
});
