import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { type ClusterLeaveContext, leaveCluster, planLeave, slotsOwned } from "../../../lib/cluster/apply/leave.ts";
import { clusterFindings } from "../../../lib/cluster/findings/declared.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import type { ClusterMember } from "../../../lib/cluster/model/types.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import type { InstanceAccess } from "../../../lib/redis/types.ts";
import { overridden } from "../../support/client.ts";
import { Model } from "../model.ts";
import { Lab, memberOf, NO_ELECTIONS, NODE_TIMEOUT, SIX, TELLS_OF_FORGOTTEN, topologyOf } from "../support.ts";

const asFormer = (member: ClusterMember): ClusterMember => ({ ...member, role: { kind: "standby" } });

/** Everybody but those who leave is declared. */
function partyOf(members: readonly ClusterMember[], leaving: readonly string[], former = leaving): ClusterLeaveContext {
  return {
    declared: members.filter(({ id }) => !former.includes(id)),
    former: members.filter(({ id }) => former.includes(id)).map(asFormer),
    leaving: new Set(leaving),
  };
}

describe("the plan", () => {
  const names = [...SIX, "r1b", "s1"];
  const formed = () => {
    const model = new Model(names.map((name, index) => memberOf(name, `10.0.0.${index + 1}`)));
    for (const { action } of planCluster(model.observe(), model.members).actions) model.apply(action);
    return model;
  };
  const plan = (model: Model, leaving: readonly string[], former?: readonly string[]) =>
    planLeave(model.observe(), partyOf(model.members, leaving, former));

  test("a replica is forgotten by all others, then reset", () => {
    const { actions, refusals, stillKnownBy } = plan(formed(), ["r1b:6379"]);
    expect({ refusals, stillKnownBy }).toEqual({ refusals: [], stillKnownBy: [] });
    expect(actions.map(({ action }) => action)).toEqual([
      { kind: "forget-node", leaving: "r1b:6379", nodeId: "r1b-7", by: SIX.map((name) => `${name}:6379`) },
      { kind: "reset", instance: "r1b:6379" },
    ]);
  });

  test("an owner of slots stays, by its own word or by that of one other", () => {
    const model = formed();
    expect(plan(model, ["m1:6379"])).toMatchObject({
      actions: [],
      refusals: [
        {
          text: "m1:6379 owns 5461 slots (0-5460): move them first (reshard); the host stays.",
          next: expect.stringContaining("redis-lab cli LAB r1:6379 cluster failover"),
        },
      ],
    });
    // Dead, and nobody took its place.
    model.node("m1:6379").up = false;
    expect(plan(model, ["m1:6379"]).refusals).toHaveLength(1);
    expect([...slotsOwned(model.observe(), partyOf(model.members, ["m1:6379", "r2:6379"]))]).toEqual([
      ["m1:6379", [{ first: 0, last: 5460 }]],
    ]);
    // Dead, and its replica has the slots now.
    model.failOver("m1:6379", "r1:6379");
    const { actions, refusals } = plan(model, ["m1:6379"]);
    expect(refusals).toEqual([]);
    expect(actions.map(({ action }) => action.kind)).toEqual(["forget-node"]);
  });

  test("one that joined nothing just goes; with keys that nobody else has it stays", () => {
    const model = formed();
    expect(plan(model, ["s1:6379"])).toEqual({ actions: [], refusals: [], stillKnownBy: [] });
    model.node("s1:6379").keys = 3;
    expect(plan(model, ["s1:6379"]).refusals[0]?.text).toContain("holds 3 keys, of which no other node has a copy");
  });

  test("who can't be told is named; with nobody to ask, the host stays", () => {
    const model = formed();
    model.node("r3:6379").up = false;
    expect(plan(model, ["r1b:6379"]).stillKnownBy).toEqual(["r3:6379"]);
    for (const name of SIX) model.node(`${name}:6379`).up = false;
    expect(plan(model, ["r1b:6379"]).refusals[0]?.text).toContain("it is not known whether r1b:6379 owns slots");
    model.node("r1b:6379").up = false;
    expect(plan(model, ["r1b:6379"]).refusals).toHaveLength(1);
    // Alone and empty by its own word: there is nobody to ask.
    expect(plan(model, ["s1:6379"]).refusals).toEqual([]);
  });

  test("others that leave at the same time forget too", () => {
    const { actions } = plan(formed(), ["r1b:6379"], ["r1b:6379", "r2:6379"]);
    expect(actions[0]?.action).toMatchObject({
      by: SIX.map((name) => `${name}:6379`)
        .filter((id) => id !== "r2:6379")
        .concat("r2:6379"),
    });
  });

  test("replicas of the one that leaves follow others first: whom the lab declares, else those with the fewest; with nobody left they stay, and so does the host", () => {
    const model = formed();
    model.node("m1:6379").slots = new Set();
    for (let slot = 0; slot <= 5460; slot += 1) model.node("m2:6379").slots.add(slot);
    for (const name of ["r1", "r1b"]) model.node(`${name}:6379`).masterId = model.node("m1:6379").nodeId;
    const context = partyOf(model.members, ["m1:6379"]);
    const replicates = ({ actions }: ReturnType<typeof planLeave>) =>
      actions.flatMap(({ action }) => (action.kind === "replicate" ? [`${action.instance} ${action.master}`] : []));
    // m2 and m3 have a replica each.
    expect(replicates(planLeave(model.observe(), context))).toEqual(["r1:6379 m2:6379", "r1b:6379 m3:6379"]);
    const alone = partyOf(model.members, ["m1:6379", "m2:6379", "m3:6379"]);
    for (const name of ["m2", "m3"]) model.node(`${name}:6379`).slots = new Set();
    expect(planLeave(model.observe(), alone).refusals.map(({ text }) => text.split(" ")[0])).toContain("r1:6379");
    for (let slot = 0; slot <= 10922; slot += 1) model.node("m2:6379").slots.add(slot);
    for (let slot = 10923; slot <= 16383; slot += 1) model.node("m3:6379").slots.add(slot);
    const declared = context.declared.map((member) =>
      member.host.startsWith("r1") ? { ...member, role: { kind: "cluster-replica", master: "m2:6379" } as const } : member,
    );
    const { actions, refusals } = planLeave(model.observe(), { ...context, declared });
    expect(refusals).toEqual([]);
    expect(actions.map(({ action }) => action).slice(0, 2)).toEqual([
      { kind: "replicate", instance: "r1:6379", master: "m2:6379" },
      { kind: "replicate", instance: "r1b:6379", master: "m2:6379" },
    ]);
  });
});

describe("on real servers", () => {
  let lab: Lab;
  beforeAll(async () => {
    // A handshake lives for as long as the node timeout.
    const names = [...SIX, "r1b", "r2b"];
    lab = await Lab.start(names, Object.fromEntries(names.map((name) => [name, NO_ELECTIONS])), NODE_TIMEOUT);
    const plan = planCluster(await observeCluster(lab.members, lab.access), lab.members);
    await applyCluster(plan, lab.members, lab.access, { emit: lab.emit, timeoutMs: 60_000 });
  });
  afterAll(() => lab.stop());

  const leave = (leaving: readonly string[], former?: readonly string[]) =>
    leaveCluster(partyOf(lab.members, leaving, former), lab.access, { emit: lab.emit, timeoutMs: 60_000 });
  const strangersTo = async (id: string) =>
    String(await lab.call(id, "CLUSTER", "NODES"))
      .split("\n")
      .filter((line) => line !== "" && !SIX.some((name) => line.includes(` ${lab.member(`${name}:6379`).address}:`)));

  test("a replica with data leaves: nobody knows it, it knows nobody, and a second leave does nothing", async () => {
    await lab.call("m1:6379", "SET", "{06S}", "kept");
    await waitFor(
      async () => ((await lab.call("r1b:6379", "DBSIZE")) === 1 ? { done: true, value: undefined } : { done: false, missing: "the key" }),
      { what: "the replica to have the key", timeoutMs: 60_000 },
    );
    const { done, stillKnownBy } = await leave(["r1b:6379"], ["r1b:6379", "r2b:6379"]);
    expect(stillKnownBy).toEqual([]);
    expect(done).toEqual([
      expect.stringMatching(/^make 7 nodes forget r1b:6379 \(node id [0-9a-f]{8}…\)$/),
      "make r1b:6379 an empty node that knows no other node",
    ]);
    expect((await topologyOf(lab)).filter((line) => line.startsWith("r1b"))).toEqual(["r1b:6379 alone"]);
    expect(await lab.call("r1b:6379", "DBSIZE")).toBe(0);
    expect((await leave(["r1b:6379"], ["r1b:6379", "r2b:6379"])).done).toEqual([]);
    expect(await lab.call("m1:6379", "DBSIZE")).toBe(1);
  });

  test("one that is dead is forgotten, and the rest is a healthy cluster", async () => {
    await lab.kill("r2b:6379");
    const { done } = await leave(["r2b:6379"], ["r1b:6379", "r2b:6379"]);
    expect(done).toEqual([expect.stringMatching(/^make 6 nodes forget r2b:6379/)]);
    for (const name of SIX) expect(await strangersTo(`${name}:6379`), name).toEqual([]);
    const members = lab.members.filter(({ host }) => SIX.some((name) => name === host));
    await expect.poll(async () => clusterFindings(await observeCluster(members, lab.access), members), { timeout: 60_000 }).toEqual([]);
  });

  test("a handshake that is under way when a node is forgotten does not bring it back, and neither does one that the node itself began", async () => {
    await lab.restart("r2b:6379", { wiped: true });
    for (let round = 0; round < 3; round += 1) {
      await applyCluster(
        {
          findings: [],
          actions: [
            { action: { kind: "meet", seed: "m1:6379", instance: "r2b:6379" }, reason: "add-node", summary: "meet" },
            {
              action: { kind: "await-joined", instances: [...SIX.map((name) => `${name}:6379`), "r2b:6379"] },
              reason: "add-node",
              summary: "wait",
            },
          ],
        },
        lab.members,
        lab.access,
        { emit: lab.emit },
      );
      // The last move of slots made nodes tell of themselves, by handshakes that may be under way still: of a busy server for longer than the next look takes.
      const shake = async (by: string, whom: string) => lab.call(by, "CLUSTER", "MEET", lab.member(whom).address, "6379");
      const left = new Set(["FORGET", "RESET"]);
      const access: InstanceAccess = {
        ...lab.access,
        async client(id) {
          const client = await lab.access.client(id);
          return overridden(client, {
            async call(command, options) {
              const due = left.delete(String(command[1]));
              if (due) await Promise.all([shake("r1:6379", "r2b:6379"), shake("r2b:6379", "m2:6379")]);
              const reply = await client.call(command, options);
              if (due) await shake("m3:6379", "r2b:6379");
              return reply;
            },
          });
        },
      };
      await leaveCluster(partyOf(lab.members, ["r2b:6379"], ["r1b:6379", "r2b:6379"]), access, { emit: lab.emit, timeoutMs: 60_000 });
      expect(left.size).toBe(0);
      await delay(NODE_TIMEOUT + 500);
      for (const name of SIX) expect(await strangersTo(`${name}:6379`), name).toEqual([]);
      expect((await topologyOf(lab)).filter((line) => line.startsWith("r2b"))).toEqual(["r2b:6379 alone"]);
    }
    await lab.kill("r2b:6379");
  });

  test("an owner of slots is refused, and nothing is touched", async () => {
    const before = await topologyOf(lab);
    const formers = ["m1:6379", "r1b:6379", "r2b:6379"];
    await expect(leave(["m1:6379"], formers)).rejects.toMatchObject({
      code: "cluster.stays",
      what: "m1:6379 owns 5461 slots (0-5460): move them first (reshard); the host stays.",
    });
    expect(await topologyOf(lab)).toEqual(before);
  });

  test("a server that nobody can tell keeps the node in mind; told later, it forgets too", async () => {
    // Joins again, as a new host would.
    const back = lab.member("r1b:6379");
    await lab.call("m1:6379", "CLUSTER", "MEET", back.address, String(back.port));
    const members = lab.members.filter(({ host }) => host !== "r2b");
    await applyCluster(planCluster(await observeCluster(members, lab.access), members), members, lab.access, {
      emit: lab.emit,
      timeoutMs: 60_000,
    });
    const formers = ["r1b:6379", "r2b:6379"];
    await lab.kill("r3:6379", { wipe: false });
    expect((await leave(["r1b:6379"], formers)).stillKnownBy).toEqual(["r3:6379"]);
    await lab.kill("r1b:6379");
    await lab.restart("r3:6379", { wiped: false });
    if (!TELLS_OF_FORGOTTEN) expect(await strangersTo("r3:6379")).toHaveLength(1);
    await waitFor(
      async () =>
        (await leave(["r1b:6379"], formers)).done.length === 0 ? { done: true, value: undefined } : { done: false, missing: "peace" },
      { what: "everybody to have forgotten", timeoutMs: 60_000 },
    );
    expect(await strangersTo("r3:6379")).toEqual([]);
  });
});
