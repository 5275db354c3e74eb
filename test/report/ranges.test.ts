import { expect, test } from "vitest";
import { shortRanges } from "../../lib/report/ranges.ts";

test("a few ranges are listed, of many the first ones", () => {
  expect(shortRanges([])).toBe("");
  expect(shortRanges(["0-99", "200"])).toBe("0-99,200");
  expect(shortRanges(["0", "2", "4", "6"])).toBe("0,2,4,6");
  expect(shortRanges(["0", "2", "4", "6", "8", "10-20"])).toBe("0,2,4,6 and 2 more ranges");
});
