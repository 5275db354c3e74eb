import { describe, expect, test } from "vitest";
import type { LabError } from "../../../lib/base/error.ts";
import { CLUSTER_ACTION_KINDS, describeAction } from "../../../lib/cluster/model/actions/index.ts";
import { reshardPlan } from "../../../lib/cluster/plan/moves.ts";
import { assertFresh, basisOf, parsePlan, savePlan } from "../../../lib/cluster/plan/saved-plan.ts";
import { EXAMPLES } from "../actions.ts";
import { draw } from "../drawn.ts";

const DRAWING = ["m1 1 0-5460", "m2 2 5461-10922", "m3 3 10923-16383", "r1 of m1"];
const view = draw(DRAWING);
const saved = savePlan({
  lab: "cluster",
  target: "ssh",
  verb: "reshard",
  made: "2026-01-01T00:00:00.000Z",
  basis: basisOf(view),
  actions: reshardPlan({ from: "all", to: "m1", slots: 10 }, view).actions,
});

describe("a saved plan", () => {
  test("is the same after it was written and read", () => {
    expect(parsePlan(JSON.stringify(saved, null, 2), "plan.json")).toEqual(saved);
  });

  test.each(CLUSTER_ACTION_KINDS)("is the same after that with %s in it, and refused without one of its fields", (kind) => {
    const action = EXAMPLES[kind];
    const plan = savePlan({ ...saved, actions: [{ action, reason: "fix", summary: describeAction(action) }] });
    expect(parsePlan(JSON.stringify(plan), "plan.json")).toEqual(plan);
    for (const field of Object.keys(action)) {
      const { [field]: _, ...rest } = { ...action } as Record<string, unknown>;
      const text = JSON.stringify({ ...plan, actions: [{ action: rest, reason: "fix", summary: "" }] });
      expect(() => parsePlan(text, "plan.json"), field).toThrow(expect.objectContaining({ code: "cluster.unreadable-plan" }));
    }
  });

  test("is refused when it was changed, and when it is not a plan", () => {
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

  describe("of an attacker, who makes a digest as well as we do", () => {
    type Forged = Record<string, unknown> & { actions: { action: object; reason: string; summary: string }[] };
    /** What a plan says after its content was changed: the fault, or the lines that people are shown. */
    const read = (change: (plan: Forged) => object): string | readonly string[] => {
      const { format: _, digest: __, ...content } = change(structuredClone(saved) as unknown as Forged) as typeof saved;
      const { digest } = savePlan(content);
      try {
        return parsePlan(JSON.stringify({ format: 1, ...content, digest }), "plan.json").actions.map(({ summary }) => summary);
      } catch (error) {
        expect((error as LabError).what).toMatch(/^[\x20-\x7e]*$/);
        return (error as LabError).code;
      }
    };
    const only = (action: object, summary = "") => ({ action, reason: "fix", summary });
    const disown = { kind: "disown-slots", instance: "m1:6379", owner: "m2:6379", slots: [{ first: 0, last: 500 }] };

    test.each<readonly [what: string, change: (plan: Forged) => object, code: string]>([
      ["other words for an action", (plan) => ({ ...plan, actions: [only(disown, "move 1 slot")] }), "cluster.edited-plan"],
      ["no words for an action", (plan) => ({ ...plan, actions: [only(disown)] }), "cluster.edited-plan"],
      ["words with an escape", (plan) => ({ ...plan, actions: [only(disown, "move\x1b[2K 1 slot")] }), "cluster.edited-plan"],
      [
        "another action under the old words",
        (plan) => ({ ...plan, actions: plan.actions.map((each) => ({ ...each, action: disown })) }),
        "cluster.edited-plan",
      ],
      ["a field beside the plan's", (plan) => ({ ...plan, "note\x1b]0;OWNED\x07": "checked" }), "cluster.unreadable-plan"],
      ["a field beside an action", (plan) => ({ ...plan, actions: [{ ...only(disown), checked: true }] }), "cluster.unreadable-plan"],
      ["a field in an action", (plan) => ({ ...plan, actions: [only({ ...disown, force: true })] }), "cluster.unreadable-plan"],
      ["a kind that is none", (plan) => ({ ...plan, actions: [only({ ...disown, kind: "flush\x1b[2J" })] }), "cluster.unreadable-plan"],
      ["a kind of every object", (plan) => ({ ...plan, actions: [only({ ...disown, kind: "constructor" })] }), "cluster.unreadable-plan"],
      ["a reason that is none", (plan) => ({ ...plan, actions: [{ ...only(disown), reason: "because" }] }), "cluster.unreadable-plan"],
      ["an escape in a node", (plan) => ({ ...plan, actions: [only({ ...disown, instance: "m1\x1b[2K" })] }), "cluster.unreadable-plan"],
      ["a line break in a node", (plan) => ({ ...plan, actions: [only({ ...disown, owner: "m1\n+ all" })] }), "cluster.unreadable-plan"],
      ["an escape in the verb", (plan) => ({ ...plan, verb: "\x1b]0;OWNED\x07" }), "cluster.unreadable-plan"],
      ["a path for a lab", (plan) => ({ ...plan, lab: "../other" }), "cluster.unreadable-plan"],
      ["an escape in the basis", (plan) => ({ ...plan, basis: ["m1\x1b[2K"] }), "cluster.unreadable-plan"],
      ["a time that is none", (plan) => ({ ...plan, made: "yesterday\x07" }), "cluster.unreadable-plan"],
    ])("is refused with %s", (_, change, code) => expect(read(change)).toBe(code));

    test.each([
      [{ first: -1, last: 5 }],
      [{ first: 0, last: 16384 }],
      [{ first: 0, last: 1e15 }],
      [{ first: 7, last: 5 }],
      [{ first: 0.5, last: 5 }],
      [{ first: null, last: 5 }],
      [{ first: 5, last: 7, step: 1 }],
    ])("is refused with the slots %j", (range) =>
      expect(read((plan) => ({ ...plan, actions: [only({ ...disown, slots: [range] })] }))).toBe("cluster.unreadable-plan"),
    );

    test("is refused with all slots over and over", () => {
      const slots = Array.from({ length: 100_000 }, () => ({ first: 0, last: 16383 }));
      expect(read((plan) => ({ ...plan, actions: [only({ ...disown, slots })] }))).toBe("cluster.unreadable-plan");
    });

    test("is shown as it is where its words are those of its actions", () => {
      const action = { ...disown, slots: [{ first: 3, last: 3 }] };
      const words = "take slot 3 from m1:6379, and keep its keys for m2:6379";
      expect(read((plan) => ({ ...plan, actions: [only(action, words)] }))).toEqual([words]);
    });
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
