import { expect, test } from "vitest";
import { leftOf, payloadVersion, restoreWords, sameBytes, sameLife } from "../../../lib/cluster/model/value.ts";

const value = { key: Buffer.from("k"), dump: Buffer.from("d") };

test("what is left of a life shrinks on the way; one without an end has none", () => {
  expect(leftOf({ ...value, endsAt: undefined }, 5000)).toBe(0);
  expect(leftOf({ ...value, endsAt: 5010.4 }, 5000)).toBe(10);
  expect(leftOf({ ...value, endsAt: 5000 }, 5000)).toBeUndefined();
  expect(leftOf({ ...value, endsAt: 4000 }, 5000)).toBeUndefined();
});

test("RESTORE with and without REPLACE", () => {
  expect(restoreWords({ ...value, endsAt: undefined }, false)).toEqual(["RESTORE", value.key, 0, value.dump]);
  expect(restoreWords({ ...value, endsAt: undefined }, true).at(-1)).toBe("REPLACE");
  // 0 would mean no end at all.
  expect(restoreWords({ ...value, endsAt: 1 }, false)[2]).toBe(1);
});

test("lives are the same within two seconds", () => {
  expect(sameLife(undefined, undefined)).toBe(true);
  expect(sameLife(undefined, 1)).toBe(false);
  expect(sameLife(10_000, 11_999)).toBe(true);
  expect(sameLife(10_000, 12_001)).toBe(false);
});

/** `SET k v` of 4.0.14, dumped: type 0, length 1, the byte, RDB version 8, CRC64. */
const DUMP_4_0 = Buffer.from("000176080097c0d1a7a6f0a4c1", "hex");

test("a payload tells its RDB version, and is compared without it", () => {
  expect(payloadVersion(DUMP_4_0)).toBe(8);
  expect(payloadVersion(Buffer.alloc(10))).toBeUndefined();
  const newer = Buffer.from(DUMP_4_0);
  newer.writeUInt16LE(10, newer.length - 10);
  expect(sameBytes(DUMP_4_0, newer)).toBe(true);
  newer[2] = 0x77;
  expect(sameBytes(DUMP_4_0, newer)).toBe(false);
});
