import { expect, test } from "vitest";
import { readNetwork } from "../../lib/libvirt/networks.ts";
import { testXml } from "./support/testdata.ts";

test.each([
  ["network-nat.xml", { name: "dd", bridge: "virbr0", mode: "nat", ranges: ["192.168.231.0/24"] }],
  ["network-isolated.xml", { name: "two nets", bridge: "virbr7", mode: "isolated", ranges: ["10.9.0.0/20", "172.16.4.0/25"] }],
  ["network-bridge.xml", { name: "bridged", bridge: "br0", mode: "bridge", ranges: [] }],
])("%s", async (file, expected) => {
  const network = readNetwork(await testXml(file));
  expect(network).toMatchObject(expected);
  expect(network.id).toMatch(/^[0-9a-f-]{36}$/);
});
