import { expect, test } from "vitest";
import { parseAddress, resolveHost } from "../../lib/trib/addresses.ts";

test.each([
  ["10.0.0.1:7000", { shown: "10.0.0.1:7000", host: "10.0.0.1", port: 7000 }],
  ["10.0.0.1:7000@17000", { shown: "10.0.0.1:7000", host: "10.0.0.1", port: 7000 }],
  ["::1:7000", { shown: "::1:7000", host: "::1", port: 7000 }],
  ["[fe80::2]:7000", { shown: "[fe80::2]:7000", host: "fe80::2", port: 7000 }],
  ["redis-18:6379", { shown: "redis-18:6379", host: "redis-18", port: 6379 }],
])("%s", (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each(["", "7000", "redis-18", ":7000", "redis-18:", "redis-18:port", "redis-18:0", "redis-18:70000"])(
  "%s is not an address",
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test("names become addresses; an IP address stays what it is", async () => {
  expect(await resolveHost("localhost")).toMatch(/^(127\.0\.0\.1|::1)$/);
  expect(await resolveHost("::1")).toBe("::1");
  await expect(resolveHost("no-such-host.invalid")).rejects.toMatchObject({ code: "trib.unresolvable" });
});
