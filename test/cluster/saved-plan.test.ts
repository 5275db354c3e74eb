import { describe, expect, test } from "vitest";
import { assertPlanValid } from "../../lib/cluster/assert-plan.ts";
import { reshardPlan } from "../../lib/cluster/plan-moves.ts";
import { assertFresh, basisOf, parsePlan, savePlan } from "../../lib/cluster/saved-plan.ts";
import type { ClusterAction, ClusterPlan } from "../../lib/cluster/types.ts";
import { draw } from "./drawn.ts";

const DRAWING = ["m1 1 0-5460", "m2 2 5461-10922", "m3 3 10923-16383", "r1 of m1"];
const look = draw(DRAWING);
const saved = savePlan({
  lab: "cluster",
  target: "ssh",
  verb: "reshard",
  made: "2026-01-01T00:00:00.000Z",
  basis: basisOf(look),
  actions: reshardPlan({ from: "all", to: "m1", slots: 10 }, look).actions,
});

describe("a saved plan", () => {
  test("is the same after it was written and read", () => {
    expect(parsePlan(JSON.stringify(saved, null, 2), "plan.json")).toEqual(saved);
  });

  test("is refused when somebody changed it, and when it is none", () => {
    const edited = JSON.stringify({ ...saved, target: "local" });
    expect(() => parsePlan(edited, "plan.json")).toThrow(expect.objectContaining({ code: "cluster.edited-plan" }));
    for (const text of [
      "",
      "{}",
      "[]",
      JSON.stringify({ ...saved, format: 2 }),
      JSON.stringify({ ...saved, actions: [{ action: { kind: "drop-everything" } }] }),
    ])
      expect(() => parsePlan(text, "plan.json")).toThrow(expect.objectContaining({ code: "cluster.unreadable-plan" }));
  });

  test("fits the cluster that it was made for, and no other", () => {
    assertFresh(saved, draw(DRAWING));
    const changes = [
      ["m1 1 0-5459", "m2 2 5460-10922", "m3 3 10923-16383", "r1 of m1"],
      ["m1 9 0-5460", "m2 2 5461-10922", "m3 3 10923-16383", "r1 of m1"],
      ["m1 1 0-5460", "m2 2 5461-10922", "m3 3 10923-16383", "r1 of m2"],
      ["m1 1 0-5460 [5->m2]", "m2 2 5461-10922 [5<-m1]", "m3 3 10923-16383", "r1 of m1"],
      ["m1 1 0-5460", "m2 2 5461-10922", "m3 3 10923-16383", "r1 of m1", "m4 4 -"],
    ];
    for (const drawing of changes)
      expect(() => assertFresh(saved, draw(drawing)), drawing.join("\n")).toThrow(expect.objectContaining({ code: "cluster.stale-plan" }));
  });
});

describe("a plan that would break the cluster is refused by who goes through it", () => {
  const range = (first: number, last = first) => [{ first, last }];
  test.each<[string, ClusterAction, RegExp]>([
    [
      "slots from who does not have them",
      { kind: "move-slots", source: "m2:6379", target: "m3:6379", slots: range(5) },
      /slot 5 is taken from m2:6379, which does not have it/,
    ],
    [
      "slots to a replica",
      { kind: "move-slots", source: "m1:6379", target: "r1:6379", slots: range(5) },
      /r1:6379 is no master and gets slots/,
    ],
    ["slots to somebody outside", { kind: "move-slots", source: "m1:6379", target: "m9:6379", slots: range(5) }, /m9:6379 is no master/],
    ["a claim by a replica", { kind: "claim-slots", instance: "r1:6379", slots: range(5) }, /r1:6379 is no master and claims slots/],
    [
      "slots that have an owner",
      { kind: "add-slots", instance: "m1:6379", slots: range(6000) },
      /slot 6000 is given to m1:6379 and belongs to m2:6379/,
    ],
    [
      "a master with slots made a replica",
      { kind: "replicate", instance: "m1:6379", master: "m2:6379" },
      /m1:6379 owns slots and is made a replica/,
    ],
    ["a replica of a replica", { kind: "replicate", instance: "r1:6379", master: "r1:6379" }, /which is no master/],
    [
      "a master with slots forgotten",
      { kind: "forget-node", leaving: "m1:6379", nodeId: "x", by: [] },
      /m1:6379 owns slots and is forgotten/,
    ],
    ["a master with slots reset", { kind: "reset", instance: "m1:6379" }, /m1:6379 owns slots and is reset/],
    ["a failover to a master", { kind: "fail-over", master: "m1:6379", to: "m2:6379" }, /m2:6379 takes over and is no replica/],
    [
      "keys to who does not own their slot",
      { kind: "gather-keys", slot: 5, source: "m1:6379", target: "m2:6379" },
      /which does not own it/,
    ],
  ])("%s", (_what, action, says) => {
    const plan: ClusterPlan = { actions: [{ action, reason: "reshard", summary: "" }], findings: [] };
    expect(() => assertPlanValid(plan, look)).toThrow(says);
  });
});
