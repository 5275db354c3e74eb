import { expect, test } from "vitest";
import { changesBetween, formatManifest, type Manifest, manifestFaults, parseManifest, type SlotMap } from "../../lib/transfer/manifest.ts";
import { countFindings } from "../../lib/transfer/restore.ts";
import { countFaults } from "../../lib/transfer/verify.ts";

const master = (name: string, first: number, last: number): Manifest["masters"][number] => ({
  instance: `${name}:6379`,
  nodeId: name.repeat(20),
  version: "4.0.14",
  configEpoch: 1,
  slots: [{ first, last }],
  file: `${name}.rdb`,
  bytes: 100,
  sha256: "a".repeat(64),
  rdbVersion: 8,
  keys: 10,
  mortal: 2,
});

const MANIFEST: Manifest = {
  format: 1,
  cluster: "cluster",
  begun: "2024-01-01T00:00:00.000Z",
  ended: "2024-01-01T00:00:01.000Z",
  currentEpoch: 3,
  masters: [master("m1", 0, 8191), master("m2", 8192, 16383)],
};

test("a manifest is read as it was written", () => {
  expect(parseManifest(formatManifest(MANIFEST), "/b")).toEqual(MANIFEST);
  expect(manifestFaults(MANIFEST)).toEqual([]);
});

test.each([
  ["no JSON", "{", /JSON/],
  ["another format", formatManifest({ ...MANIFEST, format: 2 as 1 }), /format/],
  ["a file outside of the folder", formatManifest(MANIFEST).replace("m1.rdb", "../m1.rdb"), /masters\.0\.file/],
  ["a hidden file", formatManifest(MANIFEST).replace("m1.rdb", ".rdb"), /masters\.0\.file/],
  ["a slot that is none", formatManifest(MANIFEST).replace("16383", "16384"), /masters\.1\.slots/],
  ["no digest", formatManifest(MANIFEST).replace(/a{64}/, "a"), /sha256/],
])("%s", (_what, text, why) => {
  expect(() => parseManifest(text, "/b")).toThrow(why);
  expect(() => parseManifest(text, "/b")).toThrow("/b is not a complete backup");
});

test("slots that no file has, or two, and files that two masters have", () => {
  const [m1, m2] = MANIFEST.masters;
  const broken = {
    ...MANIFEST,
    masters: [
      { ...m1!, slots: [{ first: 0, last: 8200 }] },
      { ...m2!, file: "m1.rdb", slots: [{ first: 8192, last: 16000 }] },
    ],
  };
  expect(manifestFaults(broken)).toEqual([
    "No file has the slots 16001-16383.",
    "Two files have the slots 8192-8200.",
    "Two masters have the same file.",
  ]);
});

test("what changed while a backup was taken", () => {
  const map = (...nodes: readonly (readonly [string, number, number, number, number?])[]): SlotMap =>
    new Map(
      nodes.map(([id, configEpoch, first, last, open = 0]) => [
        id,
        { instance: `${id}:6379`, configEpoch, slots: [{ first, last }], open },
      ]),
    );
  const before = map(["m1", 1, 0, 8191], ["m2", 2, 8192, 16383]);
  expect(changesBetween(before, before)).toEqual([]);
  expect(changesBetween(before, map(["m1", 1, 0, 8190], ["m2", 3, 8191, 16383]))).toEqual([
    "m1:6379 had 8192 slots and has 8191 now",
    "m2:6379 had 8192 slots and has 8193 now",
  ]);
  // There and back again: the epochs tell.
  expect(changesBetween(before, map(["m1", 4, 0, 8191], ["m2", 3, 8192, 16383]))).toEqual([
    "the config epoch of m1:6379 went from 1 to 4",
    "the config epoch of m2:6379 went from 2 to 3",
  ]);
  expect(changesBetween(before, map(["m1", 1, 0, 8191, 1], ["r2", 3, 8192, 16383]))).toEqual([
    "m2:6379 owns no slots any more",
    "m1:6379 has open slots",
    "r2:6379 owns slots now",
  ]);
});

test("keys of a file by slot: only of its own slots, and as many as its header says, less those whose life has ended", () => {
  const file = master("m1", 0, 8191);
  const counts = (...slots: readonly (readonly [number, number])[]) => new Map(slots);
  expect(countFaults(file, counts([0, 5], [8191, 5]))).toEqual([]);
  expect(countFaults(file, counts([0, 8]))).toEqual([]);
  expect(countFaults(file, counts([0, 7]))).toEqual(["It has 7 keys, less than the 10 of its header (2 of them mortal)."]);
  expect(countFaults(file, counts([0, 11]))).toEqual(["It has 11 keys, more than the 10 of its header."]);
  expect(countFaults(file, counts([0, 9], [8192, 1]))).toEqual(["It has keys of the slots 8192, which its master did not own."]);
});

test("keys of a cluster after a restore", () => {
  expect(countFindings({ keys: 10, mortal: 2, found: 8, wasEmpty: true })).toEqual([]);
  expect(countFindings({ keys: 10, mortal: 2, found: 7, wasEmpty: false })).toHaveLength(1);
  expect(countFindings({ keys: 10, mortal: 2, found: 11, wasEmpty: true })).toHaveLength(1);
  expect(countFindings({ keys: 10, mortal: 2, found: 11, wasEmpty: false })).toEqual([]);
});
