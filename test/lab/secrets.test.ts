import { expect, test } from "vitest";
import { assertPassword, generatePassword } from "../../lib/lab/secrets.ts";

test("a generated password has 32 characters that nothing has to quote", () => {
  const passwords = Array.from({ length: 50 }, generatePassword);
  for (const password of passwords) {
    expect(password).toMatch(/^[A-Za-z0-9_-]{32}$/);
    assertPassword(password, "the generator");
  }
  expect(new Set(passwords).size).toBe(50);
});

test.each([
  ["123456", "secrets.weak-password"],
  ["111111", "secrets.weak-password"],
  ["202604150930", "secrets.weak-password"],
  ["aaaaaaaaaaaaaaaa", "secrets.weak-password"],
  ["", "secrets.weak-password"],
  ["correct horse battery", "secrets.illegal-password"],
  ['quote"quote"quote', "secrets.illegal-password"],
  ["back\\slash-back", "secrets.illegal-password"],
  ["new\nline-new-line", "secrets.illegal-password"],
])("the password %j is refused without being repeated", (password, code) => {
  const refuse = () => assertPassword(password, "REDIS_LAB_PASSWORD");
  expect(refuse).toThrow(expect.objectContaining({ code }));
  if (password !== "") expect(refuse).not.toThrow(password);
});
