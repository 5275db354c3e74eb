import { describe, expect, test } from "vitest";
import type { ClusterAction, ClusterActionKind, ClusterPlan } from "../../../lib/cluster/model/types.ts";
import { assertPlanValid } from "../../../lib/cluster/plan/assert-plan.ts";
import { EXAMPLES } from "../actions.ts";
import { draw, idOf } from "../drawn.ts";

// m5 is a master without slots that holds keys, m6 one that is gone with its slots, r2 a replica of m6, s1 knows nobody.
const DRAWING = [
  "m1 1 0-5460",
  "m2 2 5461-10922",
  "m3 3 10923-14999",
  "m4 4 -",
  "m5 5 -",
  "m6 6 15000-16383 down",
  "r1 of m1",
  "r2 of m6",
  "s1 alone",
  "keys m5 5:2",
];
const at = (name: string) => `${name}:6379`;
const range = (first: number, last = first) => [{ first, last }];

function check(actions: readonly ClusterAction[], drawing: readonly string[] = DRAWING): void {
  const plan: ClusterPlan = { actions: actions.map((action) => ({ action, reason: "reshard", summary: "" })), findings: [] };
  assertPlanValid(plan, draw(drawing));
}

/** What the checker refuses, by kind: a kind without a case does not compile. */
const REFUSED: {
  readonly [Kind in ClusterActionKind]: readonly (readonly [what: string, actions: readonly ClusterAction[], says: RegExp])[];
} = {
  "set-config-epoch": [
    [
      "an epoch for a node that gives no answer",
      [{ ...EXAMPLES["set-config-epoch"], instance: at("m6") }],
      /m6:6379 is to be changed and gives no answer/,
    ],
    ["no epoch", [{ ...EXAMPLES["set-config-epoch"], epoch: 0 }], /m1:6379 is given the config epoch 0/],
  ],
  "add-slots": [
    [
      "slots that have an owner",
      [{ kind: "add-slots", instance: at("m1"), slots: range(6000) }],
      /slot 6000 is given to m1:6379 and belongs to m2:6379/,
    ],
    ["slots for a replica", [{ kind: "add-slots", instance: at("r1"), slots: range(16000) }], /r1:6379 is not a master and gets slots/],
  ],
  forget: [
    [
      "a node that is there",
      [{ kind: "forget", instance: at("m1"), nodeId: idOf("m2") }],
      /m1:6379 is made to forget m2:6379, which is not gone/,
    ],
    ["the master of a replica", [{ kind: "forget", instance: at("r2"), nodeId: idOf("m6") }], /r2:6379 is made to forget its own master/],
  ],
  meet: [
    ["a node with itself", [{ kind: "meet", seed: at("m1"), instance: at("m1") }], /m1:6379 is introduced to itself/],
    ["a node that gives no answer", [{ kind: "meet", seed: at("m1"), instance: at("m6") }], /m6:6379 is to be changed and gives no answer/],
  ],
  "await-joined": [
    [
      "a node that gives no answer",
      [{ kind: "await-joined", instances: [at("m1"), at("m6")] }],
      /m6:6379 is waited for and gives no answer/,
    ],
    ["a node that nobody knows", [{ kind: "await-joined", instances: [at("m9")] }], /m9:6379 is not a node that is known here/],
  ],
  replicate: [
    [
      "a master with slots made a replica",
      [{ kind: "replicate", instance: at("m1"), master: at("m2") }],
      /m1:6379 owns slots and is made a replica/,
    ],
    [
      "a master with keys made a replica",
      [{ kind: "replicate", instance: at("m5"), master: at("m2") }],
      /m5:6379 is a master with 2 keys and is made a replica/,
    ],
    [
      "a replica of a replica",
      [{ kind: "replicate", instance: at("m4"), master: at("r1") }],
      /m4:6379 is made a replica of r1:6379, which is not a master/,
    ],
    ["a replica of itself", [{ kind: "replicate", instance: at("m4"), master: at("m4") }], /m4:6379 is made a replica of itself/],
    [
      "a replica of a stranger",
      [{ kind: "replicate", instance: at("s1"), master: at("m1") }],
      /s1:6379 is made a replica of m1:6379, which is in another cluster/,
    ],
  ],
  "await-formed": [
    [
      "a node that left before",
      [
        { kind: "reset", instance: at("m4") },
        { kind: "await-formed", instances: [at("m1"), at("m4")] },
      ],
      /m4:6379 is waited for and has left/,
    ],
    ["none", [{ kind: "await-formed", instances: [] }], /nodes are waited for, and none is named/],
  ],
  "forget-node": [
    [
      "a master with slots",
      [{ kind: "forget-node", leaving: at("m1"), nodeId: idOf("m1"), by: [] }],
      /m1:6379 owns slots and is forgotten/,
    ],
    [
      "a master that is gone with its slots",
      [{ kind: "forget-node", leaving: at("m6"), nodeId: idOf("m6"), by: [at("m1")] }],
      /m6:6379 owns slots and is forgotten/,
    ],
    [
      "a master by its replica",
      [
        { kind: "replicate", instance: at("r1"), master: at("m4") },
        { kind: "forget-node", leaving: at("m4"), nodeId: idOf("m4"), by: [at("m1"), at("r1")] },
      ],
      /r1:6379 replicates m4:6379 and is made to forget it/,
    ],
    ["itself", [{ kind: "forget-node", leaving: at("m4"), nodeId: idOf("m4"), by: [at("m4")] }], /m4:6379 is made to forget itself/],
  ],
  reset: [
    ["a master with slots", [{ kind: "reset", instance: at("m1") }], /m1:6379 owns slots and is reset/],
    ["a master with keys", [{ kind: "reset", instance: at("m5") }], /m5:6379 is a master with 2 keys and is reset/],
    [
      "a master with a replica",
      [
        { kind: "replicate", instance: at("r1"), master: at("m4") },
        { kind: "reset", instance: at("m4") },
      ],
      /m4:6379 is reset and r1:6379 replicates it/,
    ],
  ],
  "fail-over": [
    ["to a master", [{ kind: "fail-over", master: at("m1"), to: at("m2") }], /m2:6379 takes over and is not a replica/],
    [
      "to the replica of another master",
      [{ kind: "fail-over", master: at("m2"), to: at("r1") }],
      /r1:6379 takes over from m2:6379 and does not replicate it/,
    ],
    [
      "twice",
      [
        { kind: "fail-over", master: at("m1"), to: at("r1") },
        { kind: "fail-over", master: at("m1"), to: at("r1") },
      ],
      /m1:6379 hands over its shard and is not a master/,
    ],
  ],
  "take-over": [["by a master", [{ kind: "take-over", instance: at("m4"), how: "force" }], /m4:6379 takes over and is not a replica/]],
  "set-node-timeout": [
    ["none", [{ kind: "set-node-timeout", instance: at("m1"), ms: 0 }], /the node timeout of m1:6379 is set to 0 ms/],
    [
      "by which every hiccup is a failure",
      [{ kind: "set-node-timeout", instance: at("m1"), ms: 99 }],
      /the node timeout of m1:6379 is set to 99 ms/,
    ],
    [
      "of a node that gives no answer",
      [{ kind: "set-node-timeout", instance: at("m6"), ms: 5000 }],
      /m6:6379 is to be changed and gives no answer/,
    ],
  ],
  "move-slots": [
    [
      "slots from who does not have them",
      [{ kind: "move-slots", source: at("m2"), target: at("m3"), slots: range(5) }],
      /slot 5 is taken from m2:6379, which does not have it/,
    ],
    [
      "slots to a replica",
      [{ kind: "move-slots", source: at("m1"), target: at("r1"), slots: range(5) }],
      /r1:6379 is not a master and gets slots/,
    ],
    [
      "slots to a node that is unknown",
      [{ kind: "move-slots", source: at("m1"), target: at("m9"), slots: range(5) }],
      /m9:6379 is not a master/,
    ],
    [
      "slots to a node outside",
      [{ kind: "move-slots", source: at("m1"), target: at("s1"), slots: range(5) }],
      /s1:6379 is not in the cluster, and would be touched by/,
    ],
    [
      "slots to their owner",
      [{ kind: "move-slots", source: at("m1"), target: at("m1"), slots: range(5) }],
      /m1:6379 gives slots to itself/,
    ],
  ],
  "claim-slots": [
    ["by a replica", [{ kind: "claim-slots", instance: at("r1"), slots: range(5) }], /r1:6379 is not a master and claims slots/],
    [
      "while another has them",
      [{ kind: "claim-slots", instance: at("m2"), slots: range(5) }],
      /slot 5 is claimed by m2:6379 while m1:6379 has it/,
    ],
  ],
  "disown-slots": [
    [
      "slots that it does not have",
      [{ kind: "disown-slots", instance: at("m2"), owner: at("m1"), slots: range(5) }],
      /slot 5 is taken from m2:6379, which does not have it/,
    ],
    [
      "slots that stay without an owner",
      [{ kind: "disown-slots", instance: at("m1"), owner: at("m2"), slots: range(5) }],
      /slots are left without an owner/,
    ],
    [
      "for a replica",
      [{ kind: "disown-slots", instance: at("m1"), owner: at("r1"), slots: range(5) }],
      /r1:6379 is not a master and is to own slots/,
    ],
  ],
  "gather-keys": [
    [
      "to who does not own their slot",
      [{ kind: "gather-keys", slot: 5, source: at("m3"), target: at("m2") }],
      /brought to m2:6379, which does not own it/,
    ],
    ["from who owns it", [{ kind: "gather-keys", slot: 5, source: at("m1"), target: at("m2") }], /brought from m1:6379, which owns it/],
    ["of no slot", [{ kind: "gather-keys", slot: 16384, source: at("m2"), target: at("m1") }], /16384 is not a slot/],
  ],
  "close-slots": [
    [
      "for who does not own them",
      [{ kind: "close-slots", instance: at("m1"), owner: at("m2"), slots: range(5) }],
      /slot 5 is closed at m1:6379 for m2:6379, which does not own it/,
    ],
    [
      "for a replica",
      [{ kind: "close-slots", instance: at("m1"), owner: at("r1"), slots: range(5) }],
      /r1:6379 is not a master and is said to own slots/,
    ],
  ],
};

describe.each(Object.entries(REFUSED))("a plan is refused with %s", (_kind, cases) => {
  test.each(cases)("%s", (_what, actions, says) => {
    expect(() => check(actions)).toThrow(says);
  });
});

test("what earlier actions did counts", () => {
  check([
    { kind: "meet", seed: at("m1"), instance: at("s1") },
    { kind: "await-joined", instances: [at("m1"), at("s1")] },
    { kind: "replicate", instance: at("s1"), master: at("m1") },
    { kind: "fail-over", master: at("m1"), to: at("s1") },
    { kind: "move-slots", source: at("s1"), target: at("m4"), slots: range(0, 5460) },
    { kind: "replicate", instance: at("m1"), master: at("m4") },
    { kind: "replicate", instance: at("r1"), master: at("m4") },
    { kind: "forget-node", leaving: at("s1"), nodeId: idOf("s1"), by: [at("m1"), at("m2"), at("r1")] },
    { kind: "reset", instance: at("s1") },
    { kind: "await-formed", instances: [at("m1"), at("m2"), at("m4"), at("r1")] },
  ]);
});

test("a replica takes the slots of its master that is gone, which may be forgotten afterwards", () => {
  check([
    { kind: "take-over", instance: at("r2"), how: "takeover" },
    { kind: "forget-node", leaving: at("m6"), nodeId: idOf("m6"), by: [at("m1")] },
  ]);
});

test("of two owners the loser gives up before the other one claims", () => {
  const contested = ["m1 1 0-5460", "m2 2 5460-10922", "m3 3 10923-16383"];
  const disown = { kind: "disown-slots", instance: at("m1"), owner: at("m2"), slots: range(5460) } as const;
  const claim = { kind: "claim-slots", instance: at("m2"), slots: range(5460) } as const;
  check([disown, claim], contested);
  expect(() => check([claim, disown], contested)).toThrow(/slot 5460 is claimed by m2:6379 while m1:6379 has it/);
});

test("a cluster that is not formed yet is where its seed is, and a node that was not introduced is outside", () => {
  const drawing = ["s1 alone", "m1 alone", "m2 alone", "m3 alone"];
  const create: readonly ClusterAction[] = [
    { kind: "meet", seed: at("m1"), instance: at("m2") },
    { kind: "await-joined", instances: [at("m1"), at("m2")] },
  ];
  check(create, drawing);
  expect(() => check([...create, { kind: "await-formed", instances: [at("m1"), at("m3")] }], drawing)).toThrow(
    /m3:6379 is not in the cluster, and would be touched by/,
  );
});

test("two clusters that own the same slots are not introduced to each other", () => {
  const view = draw(["m1 1 0-16383", "m2 2 5-7"]);
  const alone = draw(["m1 1 0-16383", "s1 alone"]);
  const node = alone.topology.live.get(at("s1"));
  const rival = view.topology.live.get(at("m2"));
  if (node === undefined || rival === undefined) throw new Error("both are drawn");
  const components = alone.topology.components.map((component) =>
    component.live.includes(node) ? { ...component, live: [{ ...node, self: { ...node.self, slots: rival.self.slots } }] } : component,
  );
  const plan: ClusterPlan = {
    actions: [{ action: { kind: "meet", seed: at("m1"), instance: at("s1") }, reason: "join", summary: "" }],
    findings: [],
  };
  expect(() => assertPlanValid(plan, { ...alone, topology: { ...alone.topology, components } })).toThrow(
    /slot 5 of m1:6379 has another owner beyond the introduction of s1:6379/,
  );
});
