import { expect, test } from "vitest";
import { ipv4Network, overlap } from "../../lib/lab/ipv4.ts";

test.each([
  ["192.168.1.0/24", "192.168.1.0/24", true],
  ["192.168.1.0/24", "192.168.2.0/24", false],
  ["192.168.0.0/16", "192.168.2.0/24", true],
  ["192.168.2.0/24", "192.168.0.0/16", true],
  ["192.168.1.7/32", "192.168.1.0/24", true],
  ["192.168.1.128/25", "192.168.1.0/25", false],
  ["0.0.0.0/0", "10.1.2.0/24", true],
  ["255.255.255.0/24", "255.255.254.0/24", false],
])("%s and %s overlap: %s", (one, other, expected) => {
  expect(overlap(one, other)).toBe(expected);
});

test("any address of a network names it", () => {
  expect(ipv4Network("192.168.1.77/24")).toEqual({ cidr: "192.168.1.0/24", prefixLength: 24, firstAddress: "192.168.1.1" });
});
