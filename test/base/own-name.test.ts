import { userInfo } from "node:os";
import { expect, it } from "vitest";
import { ownName } from "../../lib/base/own-name.ts";

const noAccount = () => {
  throw new Error("A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)");
};

it("is that of the account, whatever the environment says", () => {
  expect(ownName({ USER: "other" })).toBe(userInfo().username);
});

it("is found for a user id without an account too", () => {
  expect(ownName({ USER: "deploy" }, noAccount)).toBe("deploy");
  expect(ownName({ USER: "" }, noAccount)).toBe(String(process.getuid?.()));
  expect(ownName({}, noAccount)).toBe(String(process.getuid?.()));
});
