import { expect, test } from "vitest";
import { byCount, megabytes, plural } from "../../lib/base/text.ts";

test("numbers in sentences", () => {
  expect([0, 1, 2].map((count) => plural(count, "key"))).toEqual(["0 keys", "1 key", "2 keys"]);
  expect([1, 3].map((count) => plural(count, "entry", "entries"))).toEqual(["1 entry", "3 entries"]);
  expect([0, 1, 2].map((count) => byCount(count, "is", "are"))).toEqual(["are", "is", "are"]);
  expect([megabytes(0), megabytes(12_345_678), megabytes(123_456_789, 0)]).toEqual(["0.0 MB", "12.3 MB", "123 MB"]);
});
