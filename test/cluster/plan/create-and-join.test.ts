import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clusterFindings } from "../../../lib/cluster/findings/declared.ts";
import { allocateSlots } from "../../../lib/cluster/model/slots.ts";
import { clusterOf, readTopology } from "../../../lib/cluster/model/topology.ts";
import type { ClusterPlan } from "../../../lib/cluster/model/types.ts";
import { assertPlanValid } from "../../../lib/cluster/plan/assert-plan.ts";
import { planCluster as planUnchecked } from "../../../lib/cluster/plan/create-and-join.ts";
import { Model } from "../model.ts";
import { memberOf, SIX } from "../support.ts";

const NAMES = [...SIX, "s1"];
const members = NAMES.map((name, index) => memberOf(name, `10.0.0.${index + 1}`));

/** Every plan of these tests passes the checker. */
function planCluster(...args: Parameters<typeof planUnchecked>): ClusterPlan {
  const plan = planUnchecked(...args);
  const [observation, members, { formerMembers } = {}] = args;
  const topology = readTopology(observation, members, formerMembers);
  assertPlanValid(plan, { members, topology, cluster: clusterOf(topology) });
  return plan;
}

function fresh(): Model {
  return new Model(members);
}

function formed(): Model {
  const model = fresh();
  for (const { action } of planCluster(model.observe(), members).actions) model.apply(action);
  return model;
}

/** A plan as the lines that a user reads. */
function lines(plan: ClusterPlan): string[] {
  return [
    ...plan.actions.map(({ reason, summary }) => `${reason}: ${summary}`),
    ...plan.findings.map(
      ({ severity, code, instance, text }) => `${severity} ${code}${instance === undefined ? "" : ` ${instance}`}: ${text}`,
    ),
  ];
}

function planOf(model: Model, who = model.members): string[] {
  return lines(planCluster(model.observe(), who));
}

describe("create", () => {
  test("fresh nodes: epochs, slots, one seed, replicas as declared; the standby is left alone", () => {
    expect(planOf(fresh())).toEqual([
      "create: give m1:6379 the config epoch 1",
      "create: give m1:6379 the slots 0-5460 (5461)",
      "create: give m2:6379 the config epoch 2",
      "create: give m2:6379 the slots 5461-10922 (5462)",
      "create: give m3:6379 the config epoch 3",
      "create: give m3:6379 the slots 10923-16383 (5461)",
      "create: introduce m2:6379 to m1:6379",
      "create: introduce m3:6379 to m1:6379",
      "create: introduce r1:6379 to m1:6379",
      "create: introduce r2:6379 to m1:6379",
      "create: introduce r3:6379 to m1:6379",
      "create: wait until 6 nodes know each other",
      "create: make r1:6379 a replica of m1:6379",
      "create: make r2:6379 a replica of m2:6379",
      "create: make r3:6379 a replica of m3:6379",
      "create: wait until 6 nodes agree, all slots are served and every replica is in step",
    ]);
  });

  test("what is there afterwards needs nothing more", () => {
    const model = formed();
    expect(planOf(model)).toEqual([]);
    expect(clusterFindings(model.observe(), members)).toEqual([]);
  });

  test("a beginning is continued with exactly what is missing", () => {
    const model = fresh();
    for (const { action } of planCluster(model.observe(), members).actions.slice(0, 7)) model.apply(action);
    for (let slot = 12000; slot < 13000; slot += 1) model.node("m3:6379").slots.delete(slot);
    expect(planOf(model)).toEqual([
      "continue: give m3:6379 the slots 12000-12999 (1000)",
      "continue: introduce m3:6379 to m1:6379",
      "continue: introduce r1:6379 to m1:6379",
      "continue: introduce r2:6379 to m1:6379",
      "continue: introduce r3:6379 to m1:6379",
      "continue: wait until 6 nodes know each other",
      "continue: make r1:6379 a replica of m1:6379",
      "continue: make r2:6379 a replica of m2:6379",
      "continue: make r3:6379 a replica of m3:6379",
      "continue: wait until 6 nodes agree, all slots are served and every replica is in step",
    ]);
  });

  test("a master that was wiped half-way: its former identity is forgotten, and its slots are given again above all epochs", () => {
    const model = fresh();
    for (const { action } of planCluster(model.observe(), members).actions.slice(0, 9)) model.apply(action);
    model.wipe("m3:6379");
    expect(planOf(model).slice(0, 6)).toEqual([
      "continue: let m1:6379 forget m3-3, which is gone",
      "continue: let m2:6379 forget m3-3, which is gone",
      "continue: let r1:6379 forget m3-3, which is gone",
      "continue: give m3:6379 the config epoch 5",
      "continue: give m3:6379 the slots 10923-16383 (5461)",
      "continue: introduce m3:6379 to m1:6379",
    ]);
  });

  test("stopped at any command, in the middle of one, or with a node wiped, it ends in the same cluster", () => {
    const whole = formed().topology();
    const actions = planCluster(fresh().observe(), members).actions.length;
    const cut = fc.record({ after: fc.nat(actions - 1), part: fc.nat(5460), wiped: fc.option(fc.constantFrom(...SIX), { freq: 3 }) });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 4 }), (cuts) => {
        const model = fresh();
        for (const { after, part, wiped } of cuts) {
          const plan = planCluster(model.observe(), members);
          const rest = plan.actions.slice(after);
          for (const { action } of plan.actions.slice(0, after)) model.apply(action);
          const next = rest[0]?.action;
          const range = next?.kind === "add-slots" ? next.slots[0] : undefined;
          if (next?.kind === "add-slots" && range !== undefined) {
            model.apply({ ...next, slots: [{ first: range.first, last: Math.min(range.first + part, range.last) }] });
          }
          // Once all slots are given out and known the cluster is formed: a wiped master is then a loss, which no plan makes good.
          const begun = clusterFindings(model.observe(), members).some(({ text }) => text.startsWith("The cluster is not formed"));
          if (wiped !== null && begun) model.wipe(`${wiped}:6379`);
        }
        const last = planCluster(model.observe(), members);
        expect(last.findings.filter(({ severity }) => severity !== "note")).toEqual([]);
        for (const { action } of last.actions) model.apply(action);
        expect(model.topology()).toBe(whole);
        expect(planCluster(model.observe(), members).actions).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a formed cluster", () => {
  test("a failover is not drift", () => {
    const model = formed();
    model.failOver("m2:6379", "r2:6379");
    expect(planOf(model)).toEqual([]);
    expect(clusterFindings(model.observe(), members)).toEqual([]);
  });

  test("a new replica follows the present master of its shard", () => {
    const model = new Model([...members, memberOf("r2b", "10.0.0.20")]);
    for (const { action } of planCluster(model.observe(), members).actions) model.apply(action);
    model.failOver("m2:6379", "r2:6379");
    const plan = planCluster(model.observe(), model.members);
    expect(lines(plan)).toEqual([
      "join: introduce r2b:6379 to m1:6379",
      "join: wait until 7 nodes know each other",
      "join: make r2b:6379 a replica of r2:6379",
      "join: wait until 7 nodes agree, all slots are served and every replica is in step",
    ]);
    for (const { action } of plan.actions) model.apply(action);
    expect(planOf(model)).toEqual([]);
  });

  test("a new master joins, its new replica behind it, and gets its share of the slots", () => {
    const model = new Model([...members, memberOf("m4", "10.0.0.20"), memberOf("r4", "10.0.0.21")]);
    for (const { action } of planCluster(model.observe(), members).actions) model.apply(action);
    const plan = planCluster(model.observe(), model.members);
    expect(lines(plan)).toEqual([
      "join: introduce m4:6379 to m1:6379",
      "join: introduce r4:6379 to m1:6379",
      "join: wait until 8 nodes know each other",
      "join: make r4:6379 a replica of m4:6379",
      "grow: move 1366 slots (5461-6826) from m2:6379 to m4:6379",
      "grow: move 1365 slots (0-1364) from m1:6379 to m4:6379",
      "grow: move 1365 slots (10923-12287) from m3:6379 to m4:6379",
      "join: wait until 8 nodes agree, all slots are served and every replica is in step",
    ]);
    for (const { action } of plan.actions) model.apply(action);
    expect(planOf(model)).toEqual([]);
    expect(model.node("m4:6379").slots.size).toBe(4096);
  });

  test("a new master of a cluster that is not whole stays empty for now", () => {
    const model = new Model([...members, memberOf("m4", "10.0.0.20")]);
    for (const { action } of planCluster(model.observe(), members).actions) model.apply(action);
    model.node("m1:6379").slots.delete(7);
    const plan = planCluster(model.observe(), model.members);
    expect(plan.actions.filter(({ action }) => action.kind === "move-slots")).toEqual([]);
    expect(plan.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["uncovered-slots", "empty-master"]));
  });

  test("a master that comes back empty after a failover follows its successor", () => {
    const model = formed();
    model.failOver("m1:6379", "r1:6379");
    model.wipe("m1:6379");
    const plan = planCluster(model.observe(), members);
    expect(plan.actions.map(({ summary }) => summary)).toEqual([
      "introduce m1:6379 to m2:6379",
      "wait until 6 nodes know each other",
      "make m1:6379 a replica of r1:6379",
      "wait until 6 nodes agree, all slots are served and every replica is in step",
    ]);
    for (const { action } of plan.actions) model.apply(action);
    expect(planCluster(model.observe(), members).actions).toEqual([]);
  });

  test("slots without an owner are a problem for a later job, never an action", () => {
    const model = formed();
    for (let slot = 100; slot <= 102; slot += 1) model.node("m1:6379").slots.delete(slot);
    const plan = planCluster(model.observe(), members);
    expect(plan.actions).toEqual([]);
    expect(lines(plan)[0]).toBe("problem uncovered-slots: 3 slots of the cluster have no owner: 100-102.");
    expect(plan.findings[0]?.next).toContain("fix");
  });

  test("slots that were moved by hand stay where they are", () => {
    const model = formed();
    for (let slot = 0; slot < 1000; slot += 1) {
      model.node("m1:6379").slots.delete(slot);
      model.node("m3:6379").slots.add(slot);
    }
    expect(planOf(model)).toEqual([]);
  });

  test("an unreachable node is a problem and nothing is waited for", () => {
    const model = formed();
    model.node("r1:6379").up = false;
    expect(planOf(model)).toEqual([
      "problem unreachable r1:6379: r1:6379 can't be looked at: connection refused.",
      "note master-alone m1:6379: m1:6379 has no replica that answers: with it its slots would be gone.",
    ]);
  });

  test("a joined standby is a finding, not an action", () => {
    const model = formed();
    model.apply({ kind: "meet", seed: "m1:6379", instance: "s1:6379" });
    const plan = planCluster(model.observe(), members);
    expect(plan.actions).toEqual([]);
    expect(plan.findings.map(({ severity, code, instance }) => `${severity} ${code} ${instance}`)).toEqual([
      "problem unjoined-expected s1:6379",
    ]);
  });

  test("an instance that is no longer declared is left over, not foreign", () => {
    const model = new Model([...members, memberOf("r3b", "10.0.0.30")]);
    for (const { action } of planCluster(model.observe(), model.members).actions) model.apply(action);
    const observation = model.observe();
    const without = { nodes: new Map([...observation.nodes].filter(([id]) => id !== "r3b:6379")) };
    expect(planCluster(without, members).findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(["refuses foreign-cluster"]);
    const plan = planCluster(without, members, { formerMembers: [{ address: "10.0.0.30", port: 6379 }] });
    expect(plan.findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(["problem extra-member"]);
    expect(plan.actions).toEqual([]);
    const next = (id: string) =>
      planCluster(without, members, { formerMembers: [{ id, address: "10.0.0.30", port: 6379 }] }).findings[0]?.next;
    expect(next("r3b:6379")).toContain("`redis-lab leave LAB r3b`");
    // Its host stays, so neither `up` nor `leave` would do anything.
    expect(next("m1:6380")).toContain("`redis-lab cluster del-node LAB 10.0.0.30:6379`");
  });
});

describe("refusals", () => {
  const refusals: readonly (readonly [string, (model: Model) => void, string])[] = [
    [
      "a node that knows another one",
      (model) => model.introduceStranger(["m2:6379"], "abc", "10.9.9.9", 7000),
      "refuses foreign-cluster m2:6379: m2:6379 knows 10.9.9.9:7000 (node id abc), which is not an instance of this lab.",
    ],
    [
      "a node with keys",
      (model) => {
        model.node("r1:6379").keys = 2;
      },
      "refuses has-data r1:6379: r1:6379 holds 2 keys and is not part of the cluster: they would be lost.",
    ],
    [
      "a node that can't be reached",
      (model) => {
        model.node("r3:6379").up = false;
      },
      "refuses unreachable r3:6379: r3:6379 can't be looked at: connection refused.",
    ],
    [
      "slots that the lab gives to another",
      (model) => model.node("m1:6379").slots.add(6000),
      "refuses foreign-cluster m1:6379: m1:6379 owns the slots 6000, which this lab does not give it, and the cluster is not complete.",
    ],
  ];
  test.each(refusals)("%s", (_, disturb, text) => {
    const model = fresh();
    disturb(model);
    const plan = planCluster(model.observe(), members);
    expect(plan.actions).toEqual([]);
    expect(lines(plan)).toContain(text);
  });

  test("two clusters among the members", () => {
    const model = new Model([...members, memberOf("m4", "10.0.0.20")]);
    for (const { action } of planCluster(model.observe(), members).actions) model.apply(action);
    for (const { first, last } of allocateSlots(1)) for (let slot = first; slot <= last; slot += 1) model.node("m4:6379").slots.add(slot);
    const plan = planCluster(model.observe(), model.members);
    expect(plan.actions).toEqual([]);
    expect(lines(plan)[0]).toBe(
      "refuses foreign-cluster m4:6379: m4:6379 is a cluster beside that of m1:6379, m2:6379 and 4 more: slots would have two owners.",
    );
  });

  test("a node without cluster support", () => {
    const observation = fresh().observe();
    const node = observation.nodes.get("m1:6379");
    if (node?.reachable !== true) throw new Error("m1 is there");
    const nodes = new Map([...observation.nodes, ["m1:6379", { ...node, clusterEnabled: false, nodeId: "", view: [] }] as const]);
    expect(lines(planCluster({ nodes }, members))).toContain(
      "refuses not-cluster-enabled m1:6379: m1:6379 runs with cluster support switched off.",
    );
  });
});
