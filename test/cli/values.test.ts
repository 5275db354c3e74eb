import { expect, test } from "vitest";
import { bytes, milliseconds, number, positive, whole } from "../../lib/cli/values.ts";

test.each([
  [number, "2.5", 2.5],
  [number, "-1", -1],
  [whole(1), "1", 1],
  [whole(0), "0", 0],
  [positive, "0.5", 0.5],
  [milliseconds, "5ms", 5],
  [milliseconds, "5", 5],
  [milliseconds, "0.5s", 500],
  [bytes, "4096", 4096],
  [bytes, "10k", 10_000],
  [bytes, "10KB", 10_240],
  [bytes, "1.5mb", 1_572_864],
  [bytes, "1g", 1e9],
])("%o: %s", (parse, text, value) => {
  expect(parse(text)).toBe(value);
});

test.each([
  [number, ["", " ", "many", "Infinity", "1e999"]],
  [whole(1), ["0", "-1", "1.5", "many", "9007199254740993"]],
  [positive, ["0", "-0.5", "many"]],
  [milliseconds, ["0", "0ms", "-5ms", "5m", "soon"]],
  [bytes, ["0", "0.5", "-1", "10tb", "10 mb"]],
])("%o refuses %o", (parse, texts) => {
  for (const text of texts) expect(() => parse(text), text).toThrow(expect.objectContaining({ code: "commander.invalidArgument" }));
});
