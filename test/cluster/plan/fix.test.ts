import { afterAll, describe, expect, test } from "vitest";
import { fixPlan } from "../../../lib/cluster/apply/fix.ts";
import { describeAction } from "../../../lib/cluster/model/actions/index.ts";
import { assertPlanValid } from "../../../lib/cluster/plan/assert-plan.ts";
import { merged, planFix, suspectSlots } from "../../../lib/cluster/plan/fix.ts";
import { Transcript } from "../../support/transcript.ts";
import { draw } from "../drawn.ts";

const transcript = new Transcript(new URL("testdata/fix.txt", import.meta.url));
afterAll(() => transcript.save());

describe("what fix makes of", () => {
  test.each(transcript.cases)("$title", (each) => {
    const { cluster, counts, topology, members } = draw(each.given);
    const fixes = planFix({ cluster, slots: suspectSlots(cluster, counts), counts });
    const plan = fixPlan({ fixes });
    assertPlanValid(plan, { topology, cluster, members });
    const verdicts = fixes.map(({ case: { slot }, verdict }) => {
      const to = verdict.kind === "finish" ? ` to ${verdict.target.id}` : verdict.kind === "uncovered" ? `, ${verdict.by}` : "";
      return `slot ${slot}: ${verdict.kind} ${verdict.owner.id}${to}`;
    });
    const actual = [...verdicts, ...plan.actions.map(({ summary }) => `  ${summary}`)].join("\n");
    expect(actual).toBe(transcript.expected(each, actual));
  });
});

test("slots of which nobody has anything are dealt out in one range for each master, and evenly", () => {
  const { cluster, counts } = draw(["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383", "m4 4 -", "keys m3 6000:1"]);
  const slots = suspectSlots(cluster, counts);
  const claims = merged(planFix({ cluster, slots, counts }).flatMap(({ actions }) => actions));
  expect(claims.map(describeAction)).toEqual([
    "make m4:6379 the owner of 5461 slots (5461-5999,6001-10922)",
    "make m3:6379 the owner of slot 6000",
  ]);
  const three = draw(["m1 1 0-5460", "m2 2 5461-10922 down", "m3 3 10923-16383"]);
  const evenly = merged(planFix({ ...three, slots: suspectSlots(three.cluster, new Map()) }).flatMap(({ actions }) => actions));
  expect(evenly.map(describeAction)).toEqual([
    "make m1:6379 the owner of 2731 slots (5461-8191)",
    "make m3:6379 the owner of 2731 slots (8192-10922)",
  ]);
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
  expect(merged(fixes.flatMap(({ actions }) => actions)).map(describeAction)).toEqual([
    "close slot 13 at m1:6379",
    "bring the keys of slot 13 from m2:6379 to their owner m1:6379",
    "close slot 13 at m2:6379",
  ]);
});
