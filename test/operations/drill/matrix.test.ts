import { expect, test } from "vitest";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { combinations, derivedLab } from "../../../lib/operations/drill/matrix.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";

const cluster = defineLab(clusterInput());
const sentinel = defineLab(sentinelInput());

test("every combination is run once", () => {
  expect(
    combinations([
      { setting: "a", values: ["1", "2"] },
      { setting: "b", values: ["x", "y"] },
    ]),
  ).toEqual([
    { a: "1", b: "x" },
    { a: "1", b: "y" },
    { a: "2", b: "x" },
    { a: "2", b: "y" },
  ]);
});

test("settings are fields of the layout, of the load, or directives; the lab itself stays as it is", () => {
  expect(derivedLab(cluster, { "node-timeout": "2000", wait: "1" }).layout).toEqual({ ...cluster.layout, nodeTimeoutMs: 2_000 });
  expect(derivedLab(sentinel, { "down-after": "1000" }).layout).toMatchObject({ masters: [{ downAfterMs: 1_000 }] });
  expect(derivedLab(cluster, { appendonly: "yes" }).redis.settings).toEqual({ ...cluster.redis.settings, appendonly: "yes" });
  expect(cluster.layout).toMatchObject({ nodeTimeoutMs: 15_000 });
});

test("what can't be varied is refused before anything is touched", () => {
  expect(() => derivedLab(sentinel, { "node-timeout": "2000" })).toThrow(expect.objectContaining({ code: "drill.nothing-to-vary" }));
  expect(() => derivedLab(cluster, { "no-such-directive": "1" })).toThrow(expect.objectContaining({ code: "lab.invalid" }));
  expect(() => derivedLab(cluster, { "node-timeout": "soon" })).toThrow(expect.objectContaining({ code: "lab.invalid" }));
});
