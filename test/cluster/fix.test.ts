import { afterAll, describe, expect, test } from "vitest";
import { assertPlanValid } from "../../lib/cluster/assert-plan.ts";
import { describeSlotAction } from "../../lib/cluster/describe.ts";
import { merged, planFix, suspectSlots, unreachableMasters } from "../../lib/cluster/fix.ts";
import { repairPlan } from "../../lib/cluster/repair.ts";
import { Transcript } from "../support/transcript.ts";
import { draw } from "./drawn.ts";

const transcript = new Transcript(new URL("testdata/fix.txt", import.meta.url));
afterAll(() => transcript.save());

describe("what fix makes of", () => {
  test.each(transcript.cases)("$title", (each) => {
    const { cluster, counts, topology, members } = draw(each.given);
    const fixes = planFix({ cluster, slots: suspectSlots(cluster, counts), counts });
    const plan = repairPlan({ fixes });
    assertPlanValid(plan, { topology, cluster, members });
    const verdicts = fixes.map(({ case: { slot }, verdict }) => {
      const to = verdict.kind === "finish" ? ` to ${verdict.target.id}` : verdict.kind === "uncovered" ? `, ${verdict.by}` : "";
      return `slot ${slot}: ${verdict.kind} ${verdict.owner.id}${to}`;
    });
    const actual = [...verdicts, ...plan.actions.map(({ summary }) => `  ${summary}`)].join("\n");
    expect(actual).toBe(transcript.expected(each, actual));
  });
});

test("masters that give no answer and own slots are named; those without slots and replicas are not", () => {
  const { topology, cluster } = draw(["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "m4 0 down", "r1 of m1 down"]);
  expect(unreachableMasters(topology, cluster)).toEqual(["m2:6379"]);
});

test("with `finish: false` what is open goes back to its owner", () => {
  const { cluster, counts } = draw([
    "m1 1 0-5460 [13->m2]",
    "m2 2 5461-10922 [13<-m1]",
    "m3 3 10923-16383",
    "keys m1 13:2",
    "keys m2 13:1",
  ]);
  const fixes = planFix({ cluster, slots: [13], counts, finish: false });
  expect(merged(fixes.flatMap(({ actions }) => actions)).map(describeSlotAction)).toEqual([
    "close slot 13 at m1:6379",
    "bring the keys of slot 13 from m2:6379 to their owner m1:6379",
    "close slot 13 at m2:6379",
  ]);
});
