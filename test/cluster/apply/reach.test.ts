import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { applyFix } from "../../../lib/cluster/apply/fix.ts";
import { beginJournal, openMoves } from "../../../lib/cluster/apply/journal.ts";
import { leaveCluster, planHandOver } from "../../../lib/cluster/apply/leave.ts";
import { resumeMove, rollBackMove } from "../../../lib/cluster/apply/resume-and-rollback.ts";
import { awaitAgreement } from "../../../lib/cluster/gossip/await-agreement.ts";
import { describeAction, nodesOf } from "../../../lib/cluster/model/actions/index.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import type { ClusterAction, ClusterMember, ClusterPlan } from "../../../lib/cluster/model/types.ts";
import { type ClusterView, observeClusterView } from "../../../lib/cluster/model/view.ts";
import { shardMembersOf } from "../../../lib/cluster/move/passes.ts";
import { moveSlots } from "../../../lib/cluster/move/run.ts";
import { assertPlanValid } from "../../../lib/cluster/plan/assert-plan.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import {
  addNodePlan,
  failbackPlan,
  failoverPlan,
  replicatePlan,
  setTimeoutPlan,
  takePlacePlan,
} from "../../../lib/cluster/plan/membership.ts";
import { drainPlan, rebalancePlan, reshardPlan } from "../../../lib/cluster/plan/moves.ts";
import { RecordingAccess, trespasses } from "../../support/recording.ts";
import { CutOffAccess } from "../move/cut-off.ts";
import { Lab, memberOf, SIX, topologyOf } from "../support.ts";

// Whatever a plan does not name, and is not of its cluster, is not touched: every command of every verb is recorded, in a lab that has more than its cluster. Beside it stand standbys, and two of its members form a cluster of
// their own, with slots.

let lab: Lab;
let recorder: RecordingAccess;
let beside: string;
let folder: string;

const ids = (...names: readonly string[]) => names.map((name) => `${name}:6379`);
const INSIDE = ids(...SIX);
/** A standby, and a cluster of two. */
const BESIDE = ids("s1", "s2", "s3");

const besideNow = async () => (await topologyOf(lab)).filter((line) => BESIDE.some((id) => line.startsWith(id))).join("\n");
const view = (): Promise<ClusterView> => observeClusterView(lab.members, lab.access);
const options = () => ({ emit: lab.emit, move: { conflict: "keep-source" as const, quarantine: async () => {} } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-reach-"));
  lab = await Lab.start([...SIX, "s1", "s2", "s3"]);
  const { members, access } = lab;
  await applyCluster(planCluster(await observeCluster(members, access), members), members, access, { emit: lab.emit });
  await lab.call("s2:6379", "CLUSTER", "ADDSLOTS", "100", "16000");
  await lab.call("s2:6379", "CLUSTER", "MEET", lab.member("s3:6379").address, "6379");
  await waitFor(
    async () => {
      const lines = await Promise.all(["s2:6379", "s3:6379"].map((id) => lab.call(id, "CLUSTER", "NODES")));
      const ready = lines.every((text) => !String(text).includes("handshake") && String(text).trim().split("\n").length === 2);
      return ready ? { done: true, value: undefined } : { done: false, missing: "the cluster beside" };
    },
    { what: "the cluster beside", timeoutMs: 60_000 },
  );
  beside = await besideNow();
});
afterAll(async () => {
  await lab.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  recorder = new RecordingAccess(lab.access);
});
afterEach(async () => {
  const inside = lab.members.filter(({ id }) => !BESIDE.includes(id));
  expect(await awaitAgreement(inside, lab.access, { timeoutMs: 60_000 })).toBeUndefined();
  await expect.poll(() => outOfService(INSIDE), { timeout: 60_000 }).toEqual([]);
});

/** Nodes that serve no key; one that is in no cluster now serves none either. */
async function outOfService(of: readonly string[]): Promise<readonly string[]> {
  const { nodes } = await observeCluster(
    lab.members.filter(({ id }) => of.includes(id)),
    lab.access,
  );
  return [...nodes.values()].filter((node) => !node.reachable || (node.view.length > 1 && node.clusterState !== "ok")).map(({ id }) => id);
}

/** Nothing but the cluster was touched, and what is named besides. */
async function expectConfined(named: readonly string[] = []): Promise<void> {
  const found = trespasses(recorder, [...INSIDE, ...named], lab.members);
  expect(recorder.changes.length).toBeGreaterThan(0);
  expect(found).toEqual([]);
  if (!named.some((id) => BESIDE.includes(id))) expect(await besideNow()).toBe(beside);
}

async function carriedOut(plan: ClusterPlan, at: ClusterView): Promise<readonly string[]> {
  assertPlanValid(plan, at);
  await applyCluster(plan, lab.members, recorder, options());
  return plan.actions.flatMap(({ action }) => nodesOf(action));
}

describe("verbs that plan", () => {
  test.each<readonly [string, (at: ClusterView) => ClusterPlan]>([
    ["reshard", (at) => reshardPlan({ from: "all", to: "m1", slots: 20 }, at)],
    ["rebalance", (at) => rebalancePlan({ weights: new Map([["m1", 1.02]]), threshold: 0.1 }, at)],
    ["failover", (at) => failoverPlan("r1", "planned", at)],
    ["failover --takeover", (at) => failoverPlan("m1", "takeover", at)],
    ["replicate", (at) => replicatePlan("r1", "m2", at)],
    ["failback", (at) => failbackPlan(at)],
    ["set-timeout", (at) => setTimeoutPlan(14_000, at)],
    ["add-node", (at) => addNodePlan({ instance: "s1:6379", replicaOf: "any" }, at)],
  ])("%s", async (verb, makePlan) => {
    const at = await view();
    const plan = makePlan(at);
    expect(plan.actions.length).toBeGreaterThan(0);
    const named = await carriedOut(plan, at);
    expect(named.filter((id) => BESIDE.includes(id))).toEqual(verb === "add-node" ? expect.arrayContaining(["s1:6379"]) : []);
    await expectConfined(named);
  });

  test("replace-node and del-node: the one that leaves ends as it began", async () => {
    const context = (leaving: string) => ({
      declared: lab.members.filter(({ id }) => id !== leaving),
      former: lab.members.filter(({ id }) => id === leaving),
      leaving: new Set([leaving]),
    });
    await leaveCluster(context("s1:6379"), recorder, { emit: lab.emit });
    await expectConfined(["s1:6379"]);
    const at = await view();
    await carriedOut(takePlacePlan("r3", "s1:6379", at), at);
    await leaveCluster(context("s1:6379"), recorder, { emit: lab.emit });
    await expectConfined(["s1:6379"]);
    expect(await besideNow()).toBe(beside);
  });

  test("leave of a master: its slots go to the others of its cluster", async () => {
    const context = {
      declared: lab.members.filter(({ id }) => id !== "m3:6379" && !BESIDE.includes(id)),
      former: lab.members.filter(({ id }) => id === "m3:6379" || BESIDE.includes(id)),
      leaving: new Set(["m3:6379"]),
    };
    const at = await view();
    await carriedOut({ actions: planHandOver(at.topology, context), findings: [] }, at);
    await leaveCluster(context, recorder, { emit: lab.emit });
    await expectConfined();
    // `up` lets it join again.
    const declared = lab.members.filter(({ id }) => !BESIDE.includes(id));
    await applyCluster(planCluster(await observeCluster(declared, lab.access), declared), lab.members, recorder, options());
    await expectConfined();
  });
});

test("drain", async () => {
  const at = await view();
  const [first] = at.cluster.live.filter(({ self }) => self.slots.length > 0);
  await carriedOut(drainPlan([first?.id ?? ""], at), at);
  await expectConfined();
});

describe("fix", () => {
  const setSlot = async (id: string, slot: number, ...words: readonly string[]) =>
    lab.call(id, "CLUSTER", "SETSLOT", String(slot), ...words);
  const ownerOf = async (slot: number) => {
    const { cluster } = await view();
    const owner = cluster.live.find(({ nodeId }) => nodeId === cluster.owners[slot]);
    const other = cluster.live.find(({ nodeId, self }) => self.role === "master" && nodeId !== cluster.owners[slot]);
    if (owner === undefined || other === undefined) throw new Error("no two masters");
    return { owner, other };
  };

  test.each<readonly [string, () => Promise<void>]>([
    [
      "a slot that all have forgotten",
      async () => void (await Promise.all(INSIDE.map((id) => lab.call(id, "CLUSTER", "DELSLOTS", "100")))),
    ],
    ["a slot that its owner gave up", async () => void (await lab.call((await ownerOf(16_000)).owner.id, "CLUSTER", "DELSLOTS", "16000"))],
    [
      "a slot that is open at both ends",
      async () => {
        const { owner, other } = await ownerOf(200);
        await setSlot(other.id, 200, "IMPORTING", owner.nodeId);
        await setSlot(owner.id, 200, "MIGRATING", other.nodeId);
      },
    ],
    [
      "a slot that is open at one",
      async () => {
        const { owner, other } = await ownerOf(201);
        await setSlot(other.id, 201, "IMPORTING", owner.nodeId);
      },
    ],
    [
      "a key that lies where it does not belong",
      async () => {
        const { owner, other } = await ownerOf(3300);
        await setSlot(other.id, 3300, "IMPORTING", owner.nodeId);
        // Slot 3300 is that of "b".
        expect(await (await lab.access.client(other.id)).callAll([["ASKING"], ["SET", "b", "lost"]])).toEqual(["OK", "OK"]);
        await setSlot(other.id, 3300, "STABLE");
      },
    ],
  ])("%s", async (_what, breakIt) => {
    await breakIt();
    expect(await applyFix(lab.members, recorder, options())).toEqual([]);
    await expectConfined();
  });
});

describe("a move that was cut off", () => {
  test.each(["resume", "rollback"] as const)("%s", async (how) => {
    const { topology, cluster } = await view();
    const [target, source] = cluster.live.filter(({ self }) => self.slots.length > 0);
    const [range] = source?.self.slots ?? [];
    if (source === undefined || target === undefined || range === undefined) throw new Error("no two masters");
    const move = { source: source.id, target: target.id, slots: [{ first: range.first, last: range.first + 3 }] };
    const journal = await beginJournal(folder, {
      verb: "reshard",
      moves: [move],
      shardMembers: shardMembersOf([move], topology),
      now: new Date(),
    });
    const cut = new CutOffAccess(recorder, 5);
    await expect(moveSlots([move], lab.members, cut, { emit: lab.emit, log: async () => journal })).rejects.toThrow();
    const [open] = await openMoves(folder);
    if (open === undefined) throw new Error("no journal");
    if (how === "resume") await resumeMove(open, lab.members, recorder, options());
    else await rollBackMove(open, lab.members, recorder, options());
    await expectConfined();
  });
});

describe("the checker of plans", () => {
  const step = (action: ClusterAction): ClusterPlan => ({ findings: [], actions: [{ action, reason: "fix", summary: "do it" }] });
  const slots = [{ first: 100, last: 100 }];

  test.each<ClusterAction>([
    { kind: "claim-slots", instance: "s2:6379", slots },
    { kind: "move-slots", source: "m1:6379", target: "s2:6379", slots },
    { kind: "close-slots", instance: "s2:6379", owner: "m1:6379", slots },
    { kind: "gather-keys", slot: 100, source: "s2:6379", target: "m1:6379" },
    { kind: "disown-slots", instance: "s2:6379", owner: "m1:6379", slots },
    { kind: "replicate", instance: "s1:6379", master: "m1:6379" },
    { kind: "set-node-timeout", instance: "s1:6379", ms: 2000 },
    { kind: "take-over", instance: "s3:6379", how: "takeover" },
    { kind: "await-formed", instances: [...INSIDE, "s1:6379"] },
  ])("refuses $kind at a node that is not in the cluster", async (action) => {
    const at = await view();
    expect(() => assertPlanValid(step(action), at)).toThrow(`is not in the cluster, and would be touched by "${describeAction(action)}"`);
  });
});

test("a create touches the declared instances alone", async () => {
  const names = ["m1", "m2", "m3", "r1", "s1"];
  const other = await Lab.start(names);
  try {
    const declared = other.members.map((member): ClusterMember => memberOf(member.host, member.address));
    const recording = new RecordingAccess(other.access);
    await applyCluster(planCluster(await observeCluster(declared, recording), declared), declared, recording, { emit: () => {} });
    expect(trespasses(recording, ids("m1", "m2", "m3", "r1"), declared)).toEqual([]);
    recorder = recording;
    expect(recording.changes.length).toBeGreaterThan(0);
  } finally {
    await other.stop();
  }
});
