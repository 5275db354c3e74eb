import { afterAll, beforeAll, expect, test } from "vitest";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { moveSlots } from "../../../lib/cluster/move/run.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { Lab, SIX, topologyOf } from "../support.ts";
import { Cargo } from "./cargo.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(SIX);
});
afterAll(() => lab.stop());

test("slots that change places: a replica that has not heard of the first move takes nothing back", async () => {
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: lab.emit });
  const cargo = new Cargo(lab);
  const slots = (first: number) => ({ first, last: first + 299 });
  await cargo.load("m2:6379", [6000, 6100], 5);
  await cargo.load("m3:6379", [12_000, 12_100], 5);
  for (let round = 0; round < 4; round += 1) {
    const [one, two] = round % 2 === 0 ? (["m2:6379", "m3:6379"] as const) : (["m3:6379", "m2:6379"] as const);
    await moveSlots(
      [
        { source: one, target: two, slots: [slots(6000)] },
        { source: two, target: one, slots: [slots(12_000)] },
      ],
      lab.members,
      lab.access,
      { emit: lab.emit },
    );
  }
  expect(await cargo.lastingFaults()).toEqual([]);
});

test("a master that gives its last slot away: from 7.0 on it becomes a replica at once", async () => {
  await moveSlots([{ source: "m1:6379", target: "m2:6379", slots: [{ first: 0, last: 5460 }] }], lab.members, lab.access, {
    emit: lab.emit,
  });
  expect((await topologyOf(lab)).filter((line) => /^m2/.test(line))).toEqual([expect.stringMatching(/^m2:6379 master 0-/)]);
});
