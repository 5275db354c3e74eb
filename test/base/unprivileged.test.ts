import { expect, test } from "vitest";
import { isMapped, unprivilegedUser } from "../../lib/base/unprivileged.ts";

test("a user namespace knows the ids of its map alone", () => {
  expect(isMapped(61_184, "         0          0 4294967295\n")).toBe(true);
  expect(isMapped(61_184, "         0       1000          1\n")).toBe(false);
  expect(isMapped(61_184, "0 1000 1\n1 100000 65536\n")).toBe(true);
  expect(isMapped(65_537, "0 1000 1\n1 100000 65536\n")).toBe(false);
  expect(isMapped(5, "")).toBe(false);
});

test("root alone has another user to run a program as", async () => {
  const user = await unprivilegedUser();
  if (process.getuid?.() === 0) expect(user).toMatchObject({ uid: expect.any(Number), gid: user?.uid });
  else expect(user).toBeUndefined();
});
