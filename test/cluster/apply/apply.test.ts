import { afterAll, beforeAll, expect, test } from "vitest";
import type { LabEvent } from "../../../lib/base/events.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import type { ClusterPlan } from "../../../lib/cluster/model/types.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { Lab, NODE_TIMEOUT, SIX, topologyOf } from "../support.ts";

// The last step of a change: the wait until all nodes tell the same.

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(SIX, {}, NODE_TIMEOUT);
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: () => {} });
});
afterAll(() => lab.stop());

const waits: ClusterPlan = {
  findings: [],
  actions: [{ action: { kind: "await-formed", instances: SIX.map((name) => `${name}:6379`) }, reason: "reshard", summary: "wait" }],
};

test("moves are told as one step of the lab, with how many they are and the hosts that they change", async () => {
  const moves: ClusterPlan["actions"] = [
    {
      action: { kind: "move-slots", source: "m1:6379", target: "m3:6379", slots: [{ first: 0, last: 1 }] },
      reason: "reshard",
      summary: "one",
    },
    {
      action: { kind: "move-slots", source: "m1:6379", target: "m2:6379", slots: [{ first: 2, last: 3 }] },
      reason: "reshard",
      summary: "two",
    },
  ];
  const back = moves.map(({ action, ...rest }) =>
    action.kind === "move-slots" ? { ...rest, action: { ...action, source: action.target, target: action.source } } : { ...rest, action },
  );
  const events: LabEvent[] = [];
  await applyCluster({ actions: moves, findings: [] }, lab.members, lab.access, { emit: (event) => events.push(event) });
  expect(events.filter((event) => event.type === "step" && event.state === "changed")).toEqual([
    { type: "step", host: undefined, step: "layout", state: "changed", detail: "one; two", changes: 2, hosts: ["m1", "m3", "m2"] },
  ]);
  await applyCluster({ actions: back, findings: [] }, lab.members, lab.access, { emit: () => {} });
});

test("a master that died meanwhile is left out once its replica has its place, and is named", async () => {
  await lab.kill("m2:6379", { wipe: false });
  await expect(
    applyCluster(waits, lab.members, lab.access, { emit: () => {}, diagnoseAfterMs: 1000, timeoutMs: 120_000 }),
  ).rejects.toMatchObject({
    code: "cluster.nodes-gone",
    what: expect.stringMatching(/^m2:6379 gives no answer: .*ECONNREFUSED.*\. The other 5 nodes agree\.$/),
    next: expect.stringContaining("`redis-lab up LAB`"),
  });
  expect(await topologyOf(lab)).toContain("r2:6379 master 5461-10922");
});

test("where the others can't get over it, the cause is who is silent and not a port", async () => {
  await lab.kill("r2:6379", { wipe: false });
  await expect(
    applyCluster(waits, lab.members, lab.access, { emit: () => {}, diagnoseAfterMs: 500, timeoutMs: 3 * NODE_TIMEOUT }),
  ).rejects.toMatchObject({
    code: "cluster.not-formed",
    why: expect.stringMatching(/m2:6379 gives no answer: .* r2:6379 gives no answer/),
  });
});
