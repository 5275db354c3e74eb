import { expect, test } from "vitest";
import { hasRdbEnd, kindOf, readRdbHead } from "../../lib/transfer/rdb-head.ts";

const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const AUX = Buffer.from([0xfa]);
const VERSION = Buffer.concat([AUX, text("redis-ver"), text("4.0.14")]);
/** `redis-bits` = 64 and `ctime` as integers of one and four bytes, as every server writes them. */
const NUMBERS = Buffer.concat([AUX, text("redis-bits"), Buffer.from([0xc0, 64]), AUX, text("ctime"), Buffer.from([0xc2, 1, 2, 3, 4])]);
const PREAMBLE = Buffer.concat([AUX, text("aof-preamble"), Buffer.from([0xc0, 1])]);
/** SELECTDB 0, RESIZEDB 300 2: a length of two bytes and one of one. */
const SIZES = Buffer.from([0xfe, 0, 0xfb, 0x41, 0x2c, 2]);
const rdb = (...parts: readonly Buffer[]) => Buffer.concat([Buffer.from("REDIS0008"), ...parts]);

test("version, fields, and how many keys it holds", () => {
  const head = readRdbHead(rdb(VERSION, NUMBERS, SIZES));
  expect(head).toMatchObject({ version: 8, keys: 300, mortal: 2 });
  expect(Object.fromEntries(head?.fields ?? [])).toEqual({ "redis-ver": "4.0.14", "redis-bits": "64", ctime: String(0x04030201) });
});

test("functions, what modules write for themselves, and sizes of slots stand before the keys", () => {
  const functions = Buffer.concat([Buffer.from([0xf5]), text("#!lua name=x")]);
  // Id in eight bytes, when: 2 (uint) 1; a string, a double, a float, an integer, the end.
  const module = Buffer.concat([
    Buffer.from([0xf7, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 5]),
    text("s"),
    Buffer.from([4, ...Array(8).fill(0), 3, 0, 0, 0, 0, 1, 7, 0]),
  ]);
  const slots = Buffer.from([0xf4, 5, 1, 0]);
  const wide = Buffer.from([0xfe, 0, 0xfb, 0x80, 0, 1, 0, 0, 0]);
  expect(readRdbHead(rdb(functions, module, Buffer.from([0xfe, 0]), slots, wide))).toMatchObject({ keys: 65_536, mortal: 0 });
});

test("compressed fields are skipped; one without keys ends at once", () => {
  const compressed = Buffer.concat([AUX, text("lua"), Buffer.from([0xc3, 3, 20, 1, 2, 3])]);
  expect(readRdbHead(rdb(compressed, SIZES))).toMatchObject({ keys: 300 });
  expect(readRdbHead(rdb(Buffer.from([0xff])))).toMatchObject({ keys: 0, mortal: 0 });
});

test("what is cut off, or of a version without sizes, does not tell", () => {
  for (let length = 9; length < rdb(VERSION, SIZES).length; length += 1)
    expect(readRdbHead(rdb(VERSION, SIZES).subarray(0, length))).toMatchObject({ version: 8, keys: undefined });
  expect(readRdbHead(rdb(Buffer.from([0xfe, 0, 0, 1, 0x6b])))).toMatchObject({ keys: undefined });
  expect(readRdbHead(rdb(Buffer.from([0xfb, 0xc9])))).toMatchObject({ keys: undefined });
});

test.each([
  ["an RDB", rdb(VERSION, SIZES), "rdb"],
  ["an AOF that begins with an RDB", rdb(VERSION, PREAMBLE, SIZES), "aof"],
  ["an AOF", Buffer.from("*2\r\n$6\r\nSELECT\r\n"), "aof"],
  ["an AOF with times", Buffer.from("#TS:1700000000\r\n*2\r\n"), "aof"],
  ["a text", Buffer.from("hello"), undefined],
  ["nothing", Buffer.alloc(0), undefined],
  ["a magic without a version", Buffer.from("REDISXXXX"), undefined],
])("%s", (_what, bytes, kind) => {
  expect(kindOf(bytes)).toBe(kind);
});

test("the end of a file is the opcode before its checksum", () => {
  expect(hasRdbEnd(Buffer.from([1, 2, 0xff, 1, 2, 3, 4, 5, 6, 7, 8]))).toBe(true);
  expect(hasRdbEnd(Buffer.from([0xff, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8]))).toBe(false);
  expect(hasRdbEnd(Buffer.from([0xff]))).toBe(false);
});
