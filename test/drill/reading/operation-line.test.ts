import { expect, test } from "vitest";
import { parseOperation } from "../../../lib/drill/reading/operation-line.ts";

const RUN = { k: "unsent", o: 5, n: 3, t: 9, w: 0, op: "write", from: 1, to: 4, error: "not sent" };

test("a run of operations that were not sent is read as it was written", () => {
  expect(parseOperation(JSON.stringify(RUN))).toEqual(RUN);
});

test.each([{ n: 0 }, { n: -1 }, { n: 1.5 }, { op: "count" }, { from: "1" }, { to: null }, { error: 7 }, { w: undefined }])(
  "and not with %j",
  (wrong) => {
    expect(parseOperation(JSON.stringify({ ...RUN, ...wrong }))).toEqual(expect.any(String));
  },
);
