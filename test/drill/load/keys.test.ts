import { expect, test } from "vitest";
import { keySlot } from "../../../lib/cluster/model/slots.ts";
import { baseKeys, keyPrefix, valueNumber, valueText } from "../../../lib/drill/load/keys.ts";

const cluster = {
  client: "cluster",
  nodes: [],
  shards: [
    { name: "slots 0-99", slots: [{ first: 0, last: 99 }] },
    { name: "slots 100-16383", slots: [{ first: 100, last: 16_383 }] },
  ],
} as const;

test("keys of a shard lie in its slots, with all that is put behind them, and begin with the prefix", () => {
  const keys = baseKeys(cluster, keyPrefix("ab12"), 20);
  expect(keys.map((each) => each.length)).toEqual([10, 10]);
  for (const [shard, own] of keys.entries())
    for (const { text, slot } of own) {
      expect(text.startsWith("load:ab12:")).toBe(true);
      for (const key of [text, `${text}:3:17`, `${text}:c`]) expect(keySlot(key)).toBe(slot);
      expect(slot < 100).toBe(shard === 0);
    }
  expect(new Set(keys.flat().map(({ text }) => text)).size).toBe(20);
});

test("each shard has a key, however few are asked for", () => {
  expect(baseKeys(cluster, "p:", 1).map((each) => each.length)).toEqual([1, 1]);
});

test("a value is filled up to its size, and read as its number whatever its size", () => {
  for (const size of [1, 2, 16, 1000]) {
    const text = valueText(123, size);
    expect(text.length).toBe(size > 4 ? size : 3);
    expect(valueNumber(text)).toBe(123);
  }
});

test.each([
  [null, null],
  ["", null],
  ["x12", null],
  ["12abc", null],
  [5, 5],
  ["-3", -3],
  ["99999999999999999999", null],
])("the number of %j is %j", (text, number) => {
  expect(valueNumber(text)).toBe(number);
});
