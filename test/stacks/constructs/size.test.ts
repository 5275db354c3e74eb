import { expect, test } from "vitest";
import { Size } from "../../../stacks/constructs/size.ts";

test("a size is the same in every unit", () => {
  expect(Size.gibibytes(2).toMebibytes()).toBe(2048);
  expect(Size.mebibytes(768).toBytes()).toBe(805_306_368);
  expect(Size.gibibytes(1.5).toMebibytes()).toBe(1536);
  expect(Size.gibibytes(20).toBytes()).toBe(21_474_836_480);
});

test.each([0, -1, 1.5, Number.NaN])("%s MiB is not a size", (amount) => {
  expect(() => Size.mebibytes(amount)).toThrow(RangeError);
});
