import { expect, test } from "vitest";
import { hardwareIn } from "../../lib/libvirt/hardware.ts";
import { readXml } from "../../lib/libvirt/xml.ts";
import { testXml } from "./support/testdata.ts";

test("hardware of a VM, in the units of the lab", async () => {
  expect(hardwareIn(await testXml("domain.xml"))).toEqual({ vcpus: 2, memoryMiB: 1280 });
  expect(hardwareIn(await readXml("<domain><memory unit='GiB'>2</memory></domain>"))).toEqual({ vcpus: 1, memoryMiB: 2048 });
});
