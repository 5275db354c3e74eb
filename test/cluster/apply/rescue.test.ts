import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { applyChecked } from "../../../lib/cluster/apply/apply-checked.ts";
import { applyFix, findSlotFaults } from "../../../lib/cluster/apply/fix.ts";
import { describeRescue } from "../../../lib/cluster/apply/rescue.ts";
import { clusterFindings } from "../../../lib/cluster/findings/declared.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { acquaintances, ownSlots } from "../../../lib/cluster/model/topology.ts";
import type { Quarantined } from "../../../lib/cluster/move/types.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { plannedAction } from "../../../lib/cluster/plan/planned-action.ts";
import type { Argument, RedisClient } from "../../../lib/redis/types.ts";
import { overridden } from "../../support/client.ts";
import { RecordingAccess, trespasses } from "../../support/recording.ts";
import { save } from "../../support/save.ts";
import { Cargo } from "../move/cargo.ts";
import { Lab, SIX, topologyOf } from "../support.ts";

// A master that lost its nodes.conf comes back with a new node id: the others never take the old one for failed, so its replica is not elected.

let lab: Lab;
let cargo: Cargo;
let kept: Quarantined[];
/** Replicas that copy from nobody. */
const barred = new Set<string>();
afterEach(() => lab.stop());

const fix = (access = lab.access, options: { readonly giveAwayEmpty?: boolean } = {}) =>
  applyFix(lab.members, access, { emit: lab.emit, ...options, move: { quarantine: async (values) => void kept.push(...values) } });

/** An access of a process that is killed before it sends a command. */
function killedBefore(access: Lab["access"], command: RegExp): Lab["access"] {
  let over = false;
  const admit = (words: readonly Argument[]) => {
    over ||= command.test(words.slice(0, 4).map(String).join(" "));
    if (over) throw new Error("killed");
  };
  const bounded = async (opening: Promise<RedisClient>): Promise<RedisClient> => {
    const client = await opening;
    return overridden(client, {
      call: async (words, options) => {
        admit(words);
        return client.call(words, options);
      },
      callAll: async (commands, options) => {
        for (const words of commands) admit(words);
        return client.callAll(commands, options);
      },
    });
  };
  return { ...access, client: (id) => bounded(access.client(id)), connect: (id) => bounded(access.connect(id)) };
}

const findings = async () => clusterFindings(await observeCluster(lab.members, lab.access), lab.members);

/** Replicas that have all that m2 has copy from nobody any more. */
async function bar(...ids: readonly string[]): Promise<void> {
  expect(await lab.call("m2:6379", "WAIT", String(ids.length), "50000")).toBe(ids.length);
  for (const id of ids) {
    await lab.call(id, "CONFIG", "SET", "masterauth", "wrong");
    barred.add(id);
  }
}

/** Kills m2, and starts it again without its identity, and without its data or with them. Ends when all know, and the replicas that may copy from what m2 is now have done so. */
async function lose(
  names: readonly string[],
  before: () => Promise<void> = async () => {},
  files: readonly string[] = ["nodes.conf"],
): Promise<void> {
  kept = [];
  barred.clear();
  lab = await Lab.start(names);
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: () => {} });
  cargo = new Cargo(lab);
  await cargo.load("m2:6379", [6000, 7000, 8000], 4);
  await save((...command) => lab.call("m2:6379", ...command));
  await before();
  const folder = lab.servers.get("m2:6379")?.folder ?? "";
  await lab.kill("m2:6379", { wipe: false });
  for (const file of files) await rm(join(folder, file));
  await lab.restart("m2:6379", { wiped: false });
  await waitFor(
    async () => {
      const found = (await findings()).find(({ code, text }) => code === "uncovered-slots" && text.includes("answers no more under"));
      if (found === undefined) return { done: false, missing: "the loss" };
      // Until it has seen that another node answers there, each of the others is linked to the old one again and again for a moment.
      const { nodes } = await observeCluster(lab.members, lab.access);
      const live = [...nodes.values()].filter((node) => node.reachable);
      const unaware = live.filter(({ view }) =>
        view.some(({ id, address, flags }) => {
          const there = live.find((node) => lab.member(node.id).address === address);
          return there !== undefined && there.nodeId !== id && !flags.has("noaddr") && !flags.has("handshake");
        }),
      );
      if (unaware.length > 0) return { done: false, missing: `the loss on ${unaware.map(({ id }) => id)}` };
      const copying = live.filter((node) => node.masterLink === "down" && !barred.has(node.id));
      return copying.length === 0 ? { done: true, value: undefined } : { done: false, missing: `a copy at ${copying.map(({ id }) => id)}` };
    },
    { what: "the cluster to notice", timeoutMs: 60_000 },
  );
}

test("without a replica its slots go to others in one piece, when that is asked for, and nothing of the old identity is left", async () => {
  // A cluster that grew or was resharded: what others own is not what the lab gives them.
  await lose(["m1", "m2", "m3"], async () => {
    const move = plannedAction({ kind: "move-slots", source: "m1:6379", target: "m3:6379", slots: [{ first: 0, last: 99 }] }, "reshard");
    await applyChecked([move], "m1:6379", lab.members, lab.access, { emit: () => {} });
  }, ["nodes.conf", "dump.rdb"]);
  const found = await findings();
  const advice = "Its keys are lost. `redis-lab cluster fix LAB --give-away-empty` gives its slots to others, without them.";
  expect(found.find(({ severity }) => severity === "refuses")).toMatchObject({
    instance: "m3:6379",
    next: expect.stringContaining(advice),
  });
  expect(found.find(({ code }) => code === "uncovered-slots")).toMatchObject({
    text: expect.stringMatching(
      /^5462 slots of the cluster have no owner: m2:6379 answers no more under the node id .*; no replica of it answers\.$/,
    ),
    next: advice,
  });
  await expect(fix()).rejects.toMatchObject({ code: "cluster.masters-gone", next: expect.stringContaining(advice) });

  expect(await fix(lab.access, { giveAwayEmpty: true })).toEqual([]);
  const { topology, cluster, ghosts } = await findSlotFaults(lab.members, lab.access);
  expect(ghosts).toEqual([]);
  for (const node of cluster.live) for (const known of acquaintances(node.view)) expect(topology.identify(known).kind).toBe("member");
  // What each had in one piece or two, and one more.
  for (const node of cluster.live) expect(ownSlots(node).length).toBeLessThanOrEqual(3);
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: () => {} });
  expect((await findings()).filter(({ code }) => code !== "state-fail")).toEqual([]);
});

test("its replica takes over with everything, and it becomes its replica; every finding says so before", async () => {
  await lose(SIX);
  const found = await findings();
  expect(found.find(({ code }) => code === "uncovered-slots")).toMatchObject({
    text: expect.stringMatching(
      /^5462 slots of the cluster have no owner: m2:6379 answers no more under the node id .*; r2:6379 replicates it, with 12 keys\.$/,
    ),
    next: expect.stringMatching(
      /^`redis-lab cluster fix LAB` lets r2:6379 take over \(as `redis-lab cluster failover LAB r2:6379 --takeover` does\), and makes m2:6379/,
    ),
  });
  expect(found.find(({ severity }) => severity === "refuses")).toMatchObject({
    instance: "m2:6379",
    text: expect.stringContaining("m2:6379 answers under a new node id"),
    next: expect.stringContaining("lets r2:6379 take over"),
  });
  expect(found.flatMap(({ next }) => next ?? []).join(" ")).not.toMatch(/[Ww]ipe/);
  const { rescues, fixes } = await findSlotFaults(lab.members, lab.access);
  expect(fixes).toEqual([]);
  expect(rescues.flatMap(describeRescue)).toEqual([
    "let r2:6379 take over 5462 slots (5461-10922) of m2:6379, with 12 keys",
    "save what m2:6379 has otherwise (of 12 keys), empty it and make it a replica of r2:6379",
  ]);
  const recorder = new RecordingAccess(lab.access);
  expect(await fix(recorder)).toEqual([]);
  expect(
    trespasses(
      recorder,
      SIX.map((name) => `${name}:6379`),
      lab.members,
    ),
  ).toEqual([]);
  expect(kept).toEqual([]);
  expect(await topologyOf(lab)).toEqual([
    "m1:6379 master 0-5460",
    "m2:6379 replica of r2:6379",
    "m3:6379 master 10923-16383",
    "r1:6379 replica of m1:6379",
    "r2:6379 master 5461-10922",
    "r3:6379 replica of m3:6379",
  ]);
  expect(await cargo.lastingFaults()).toEqual([]);
  await waitFor(
    async () => {
      const [left] = (await findings()).filter(({ severity }) => severity !== "note");
      return left === undefined ? { done: true, value: undefined } : { done: false, missing: left.text };
    },
    { what: "nothing to find", timeoutMs: 60_000 },
  );
  for (const name of SIX) expect(await lab.call(`${name}:6379`, "CLUSTER", "NODES")).not.toContain("noaddr");
});

test("of several replicas the most advanced one takes over, and what the newcomer has otherwise is saved", async () => {
  await lose([...SIX, "r2b"], async () => {
    // What only the replicas have: written after the last SAVE. The replica that is stopped goes on with it once the other one copied from the newcomer.
    await (await lab.access.client("m2:6379")).call(["SET", cargo.keyIn(6000), "newer"]);
    cargo.expect(cargo.keyIn(6000), "newer");
    await bar("r2:6379", "r2b:6379");
  });
  expect(await fix()).toEqual([]);
  expect(kept).toMatchObject([{ slot: 6000, instance: "m2:6379" }]);
  expect(kept[0]?.dump.includes("value 0 of slot 6000")).toBe(true);
  const masters = (await topologyOf(lab)).filter((line) => line.includes("master 5461-10922"));
  expect(masters).toHaveLength(1);
  expect(masters[0]).toMatch(/^r2b?:6379/);
});

/** What `up` does, without a refusal. */
async function up(): Promise<void> {
  const plan = planCluster(await observeCluster(lab.members, lab.access), lab.members);
  await applyCluster(plan, lab.members, lab.access, { emit: lab.emit });
}

test("cut off at any command it is continued by the next fix, or by `up` once nothing is left to lose", async () => {
  const key = () => cargo.keyIn(6000);
  await lose(SIX, async () => {
    await (await lab.access.client("m2:6379")).call(["SET", key(), "newer"]);
    cargo.expect(key(), "newer");
    await bar("r2:6379");
  });
  for (const before of [
    /CLUSTER FAILOVER/,
    /CLUSTER FORGET/,
    /CONFIG SET/,
    /DUMP/,
    /CONFIG SET cluster-require-full-coverage yes/,
    /FLUSHALL/,
  ]) {
    await expect(fix(killedBefore(lab.access, before)), `killed before ${before}`).rejects.toThrow("killed");
    const refused = (await findings()).filter(({ severity }) => severity === "refuses");
    expect(
      refused.map(({ instance }) => instance),
      String(before),
    ).toEqual(["m2:6379"]);
    expect(refused[0]?.next, String(before)).toContain("`redis-lab cluster fix LAB`");
    expect(refused[0]?.next, String(before)).not.toMatch(/[Ww]ipe|FLUSHALL/);
    expect(await lab.call("m2:6379", "DBSIZE"), String(before)).toBe(12);
    expect(await lab.call("r2:6379", "DBSIZE"), String(before)).toBe(12);
  }
  await expect(fix(killedBefore(lab.access, /CLUSTER RESET/))).rejects.toThrow("killed");
  expect(await lab.call("m2:6379", "DBSIZE")).toBe(0);
  expect((await findings()).find(({ severity }) => severity === "refuses")?.next).toContain("`redis-lab cluster fix LAB`");
  await expect(fix(killedBefore(lab.access, /CLUSTER MEET/))).rejects.toThrow("killed");
  expect(await fix()).toEqual([]);
  await up();
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.every(({ slot, instance, dump }) => slot === 6000 && instance === "m2:6379" && dump.includes("value 0 of slot 6000"))).toBe(
    true,
  );
  expect(await topologyOf(lab)).toContain("m2:6379 replica of r2:6379");
  expect(await lab.call("m2:6379", "CONFIG", "GET", "cluster-require-full-coverage")).toEqual(["cluster-require-full-coverage", "yes"]);
  expect(await cargo.lastingFaults()).toEqual([]);
});

test("a replica that lost its identity and not its data is saved, emptied and joined by fix", async () => {
  await lose(SIX, async () => {
    await save((...command) => lab.call("r1:6379", ...command));
    const folder = lab.servers.get("r1:6379")?.folder ?? "";
    await lab.kill("r1:6379", { wipe: false });
    await rm(join(folder, "nodes.conf"));
    await lab.restart("r1:6379", { wiped: false });
  });
  expect(await fix()).toEqual([]);
  expect((await findings()).filter(({ severity }) => severity === "refuses")).toEqual([]);
});

test("without a replica nothing is given away but on request, and then what is lost is said", async () => {
  await lose(["m1", "m2", "m3", "r1"]);
  // What a rescue is made of is checked, too.
  const wrong = [plannedAction({ kind: "take-over", instance: "m1:6379", how: "takeover" }, "fix")];
  await expect(applyChecked(wrong, "m1:6379", lab.members, lab.access, { emit: lab.emit })).rejects.toMatchObject({
    code: "cluster.invalid-plan",
  });
  await expect(fix()).rejects.toMatchObject({
    code: "cluster.masters-gone",
    what: expect.stringMatching(
      /no replica of it answers\. m2:6379, beside the cluster, has 12 keys of them\. These slots are left as they are\.$/,
    ),
    next: expect.stringContaining("--give-away-empty"),
  });
  expect((await findings()).find(({ severity }) => severity === "refuses")?.next).toContain("It may have the only copy of 5462 slots");
  expect(await fix(lab.access, { giveAwayEmpty: true })).toEqual([]);
  expect(lab.events).toContainEqual(expect.objectContaining({ type: "notice", text: expect.stringContaining("has 12 keys of them") }));
  // Its copy is as it was.
  expect(await lab.call("m2:6379", "DBSIZE")).toBe(12);
  expect((await topologyOf(lab)).map((line) => line.replace(/(\d+)-\d+(,\d+-\d+)*$/, "$1…"))).toContain("m1:6379 master 0…");
});
