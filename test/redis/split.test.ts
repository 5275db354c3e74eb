import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatArgument, formatDirective, quoted } from "../../lib/redis/conf/value.ts";
import { splitArguments, splitWords } from "../../lib/redis/split.ts";

describe("splitWords", () => {
  test.each<[string, string[] | undefined]>([
    ["", []],
    ["  GET   key ", ["GET", "key"]],
    ['SET k "a b"', ["SET", "k", "a b"]],
    ["SET k 'a \\'b\\' \\n'", ["SET", "k", "a 'b' \\n"]],
    ['ECHO "\\x41\\n\\q\\""', ["ECHO", 'A\nq"']],
    ['save ""', ["save", ""]],
    ['ECHO "open', undefined],
    ['ECHO "a"b', undefined],
    ["ECHO 'open", undefined],
    ['a"b c"', ["ab c"]],
    ["back\\slash", ["back\\slash"]],
    ["é ü", ["é", "ü"]],
    ['"\\xc3\\xa9"', ["é"]],
    ['"\\"', undefined],
  ])("%j", (line, words) => expect(splitWords(line)).toEqual(words));

  test("every string comes back from its quoted form, byte by byte", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 }), (words) => {
        const bytes = words.map((word) => Buffer.from(word));
        expect(splitArguments(bytes.map(quoted).join(" "))).toEqual(bytes);
      }),
    );
  });

  test("every argument comes back from a directive", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 }), (args) => {
        expect(splitWords(formatDirective("name", args))).toEqual(["name", ...args]);
      }),
    );
  });
});

test("arguments are plain where that is safe", () => {
  expect(formatDirective("bind", ["10.0.0.1", "-::1"])).toBe("bind 10.0.0.1 -::1");
  expect(formatDirective("appendonly", [true])).toBe("appendonly yes");
  expect(formatArgument("#hash")).toBe('"#hash"');
  expect(formatArgument("")).toBe('""');
  expect(formatArgument("it's")).toBe('"it\'s"');
  expect(formatArgument(6379)).toBe("6379");
});
