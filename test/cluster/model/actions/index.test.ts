import { expect, test } from "vitest";
import {
  CLUSTER_ACTION_KINDS,
  concernsCluster,
  describeAction,
  goesSideBySide,
  isWait,
  nodesOf,
  staysInside,
} from "../../../../lib/cluster/model/actions/index.ts";
import { EXAMPLES } from "../../actions.ts";

test.each([
  ["set-config-epoch", "give m1:6379 the config epoch 4", "m1"],
  ["add-slots", "give m1:6379 the slots 5-7 (3)", "m1"],
  ["forget", "let m1:6379 forget 01234567, which is gone", "m1"],
  ["meet", "introduce s1:6379 to m1:6379", "m1 s1"],
  ["await-joined", "wait until 2 nodes know each other", "m1 m2"],
  ["replicate", "make r1:6379 a replica of m2:6379", "r1 m2"],
  ["await-formed", "wait until 2 nodes agree", "m1 m2"],
  ["forget-node", "make 2 nodes forget r1:6379 (node id 01234567…)", "r1 m1 m2"],
  ["reset", "make r1:6379 an empty node that knows no other node", "r1"],
  ["fail-over", "hand the shard of m1:6379 to r1:6379", "m1 r1"],
  ["take-over", "let r1:6379 take over (force)", "r1"],
  ["set-node-timeout", "set the node timeout of m1:6379 to 5000 ms", "m1"],
  ["move-slots", "move 3 slots (5-7) from m1:6379 to m2:6379", "m1 m2"],
  ["claim-slots", "make m1:6379 the owner of 3 slots (5-7)", "m1"],
  ["disown-slots", "take 3 slots (5-7) from m1:6379, and keep its keys for m2:6379", "m1 m2"],
  ["gather-keys", "bring the keys of slot 5 from m2:6379 to their owner m1:6379", "m2 m1"],
  ["close-slots", "close 3 slots (5-7) at m2:6379", "m2 m1"],
] as const)("%s has one line for people, and names its nodes", (kind, says, names) => {
  expect(describeAction(EXAMPLES[kind])).toBe(says);
  expect(nodesOf(EXAMPLES[kind])).toEqual(names.split(" ").map((name) => `${name}:6379`));
});

test.each(CLUSTER_ACTION_KINDS)("%s names every instance that stands in it", (kind) => {
  const named = new Set(nodesOf(EXAMPLES[kind]));
  const written = JSON.stringify(EXAMPLES[kind]).match(/\w+:6379/g) ?? [];
  expect(named).toEqual(new Set(written));
});

test("waits are known by their row, and so is what may be done at the same time", () => {
  expect(CLUSTER_ACTION_KINDS.filter((kind) => isWait({ kind }))).toEqual(["await-joined", "await-formed"]);
  expect(CLUSTER_ACTION_KINDS.filter(goesSideBySide)).toEqual([
    "set-config-epoch",
    "add-slots",
    "forget",
    "meet",
    "replicate",
    "move-slots",
  ]);
});

test("what makes a node ready, introduces it or makes it leave may name nodes outside; what others have to hear of concerns their cluster", () => {
  expect(CLUSTER_ACTION_KINDS.filter((kind) => !staysInside(kind))).toEqual([
    "set-config-epoch",
    "add-slots",
    "forget",
    "meet",
    "forget-node",
    "reset",
  ]);
  expect(CLUSTER_ACTION_KINDS.filter(concernsCluster)).toEqual([
    "forget-node",
    "reset",
    "fail-over",
    "take-over",
    "move-slots",
    "claim-slots",
  ]);
});
