import { expect, test } from "vitest";
import { allOf, oneOf } from "../../lib/base/list.ts";

test.each([
  [["a"], "a", "a"],
  [["a", "b"], "a or b", "a and b"],
  [["a", "b", "c"], "a, b or c", "a, b and c"],
])("%j", (words, one, all) => {
  expect([oneOf(words), allOf(words)]).toEqual([one, all]);
});
