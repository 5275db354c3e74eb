import { expect, test } from "vitest";
import type { TypedReply } from "../../lib/redis/types.ts";
import { rubyFloat, rubyText } from "../../lib/trib/ruby.ts";

const bulk = (value: string | Buffer | null): TypedReply => ({
  type: "bulk",
  value: typeof value === "string" ? Buffer.from(value) : value,
});

test("floats", () => {
  expect([2, 0.5, 12.25].map(rubyFloat)).toEqual(["2.0", "0.5", "12.25"]);
});

test("single values are shown as they are", () => {
  expect(rubyText({ type: "status", value: "OK" })).toBe("OK");
  expect(rubyText({ type: "integer", value: 3 })).toBe("3");
  expect(rubyText({ type: "error", value: "ERR no" })).toBe("ERR no");
  expect(rubyText(bulk("two\nlines"))).toBe("two\nlines");
  expect(rubyText(bulk(null))).toBe("");
});

test("arrays are inspected", () => {
  const value = [bulk("a"), { type: "integer", value: 7 }, bulk(null), { type: "array", value: [bulk('q"\n#{x} #1')] }] as const;
  expect(rubyText({ type: "array", value })).toBe('["a", 7, nil, ["q\\"\\n\\#{x} #1"]]');
  expect(rubyText({ type: "array", value: [bulk(Buffer.from([0x61, 0xff, 0x00])), bulk("grün")] })).toBe('["a\\xFF\\x00", "grün"]');
  expect(rubyText({ type: "array", value: [] })).toBe("[]");
});
