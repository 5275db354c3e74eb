import { expect, test } from "vitest";
import { findingsOf } from "../../../lib/cluster/findings/declared.ts";
import { strandedMembers } from "../../../lib/cluster/findings/stranded.ts";
import { draw } from "../drawn.ts";

const TAKEN_OVER = ["m1 1 0-5460", "r2 4 5461-10922", "m3 3 10923-16383"];

const strandedIn = (...lines: readonly string[]) => {
  const { topology, cluster } = draw(lines);
  return strandedMembers(topology, cluster).map(({ node, master }) => `${node.id} behind ${master.id}`);
};

test("a declared instance with keys is stranded where another serves its shard", () => {
  expect(strandedIn(...TAKEN_OVER, "m2 alone", "keys m2 6000:3")).toEqual(["m2:6379 behind r2:6379"]);
  expect(strandedIn(...TAKEN_OVER, "r1 alone", "keys r1 13:3")).toEqual(["r1:6379 behind m1:6379"]);
});

test("one without anything, a standby and a master whose shard no other has are not", () => {
  expect(strandedIn(...TAKEN_OVER, "m2 alone")).toEqual([]);
  expect(strandedIn(...TAKEN_OVER, "s1 alone", "keys s1 13:3")).toEqual([]);
  expect(strandedIn("m1 1 0-8191", "m3 3 8192-16383", "m2 alone", "keys m2 13:3")).toEqual([]);
});

test("the finding about it names the fix, and not that it be emptied", () => {
  const { topology } = draw([...TAKEN_OVER, "m2 alone", "keys m2 6000:3"]);
  expect(findingsOf(topology).filter(({ severity }) => severity === "refuses")).toEqual([
    {
      code: "has-data",
      severity: "refuses",
      instance: "m2:6379",
      text: "m2:6379 holds 3 keys and is not part of the cluster: they would be lost.",
      next: "`redis-lab cluster fix LAB` saves what m2:6379 has otherwise, empties it and makes it a replica of r2:6379.",
    },
  ]);
});
