import { expect, test } from "vitest";
import { expectedOf } from "../../../lib/drill/scenarios/drill.ts";
import { SHIPPED_DRILLS } from "../../../lib/drill/scenarios/shipped.ts";
import { isFaultName } from "../../../lib/fault/words.ts";

test("each has a name of its own", () => {
  const names = SHIPPED_DRILLS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(SHIPPED_DRILLS.map((drill) => [drill.name, drill] as const))(
  "%s makes faults that there are, and says of every version why it expects what",
  (_, drill) => {
    const steps = [...drill.fault, ...(drill.recover ?? [])];
    expect(steps.flatMap((step) => (step.do === "fault" && !isFaultName(step.fault) ? [step.fault] : []))).toEqual([]);
    for (const layout of drill.given.layouts) {
      for (const version of ["4.0.14", "5.0.14", "6.2.14", "7.0.15", "7.4.1"]) {
        const { expectations, rows } = expectedOf(drill, layout, version);
        expect(expectations.length, `${layout} ${version}`).toBeGreaterThan(0);
        expect(rows.every(({ why, source }) => why !== "" && source !== "")).toBe(true);
      }
    }
  },
);
