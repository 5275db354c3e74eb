import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { applyFix, findSlotFaults } from "../../../lib/cluster/apply/fix.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import type { Quarantined } from "../../../lib/cluster/move/types.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { Cargo } from "../move/cargo.ts";
import { Lab } from "../support.ts";

// Clusters that were broken by hand, as operators and half-done tools break them, on real servers.

let lab: Lab;
let cargo: Cargo;
let kept: Quarantined[];

async function form(): Promise<void> {
  const { members, access } = lab;
  await applyCluster(planCluster(await observeCluster(members, access), members), members, access, { emit: () => {} });
}

const fix = (options: { readonly giveAwayEmpty?: boolean } = {}) =>
  applyFix(lab.members, lab.access, { emit: () => {}, ...options, move: { quarantine: async (values) => void kept.push(...values) } });

/** What a fix would do. */
const verdicts = async () =>
  (await findSlotFaults(lab.members, lab.access)).fixes.map(({ case: { slot }, verdict }) => `${slot} ${verdict.kind} ${verdict.owner.id}`);

const setSlot = async (id: string, slot: number, ...words: readonly string[]) => lab.call(id, "CLUSTER", "SETSLOT", String(slot), ...words);
const idOf = async (id: string) => String(await lab.call(id, "CLUSTER", "MYID"));

describe("three masters", () => {
  beforeAll(async () => {
    lab = await Lab.start(["m1", "m2", "m3"]);
  });
  afterAll(() => lab.stop());
  beforeEach(async () => {
    kept = [];
    await form();
    cargo = new Cargo(lab);
    await cargo.load("m1:6379", [13, 14], 3);
  });
  afterEach(() => lab.reset());

  /** Puts a key at a node that does not own its slot. */
  async function orphan(id: string, key: Buffer, value: string): Promise<void> {
    await setSlot(id, 13, "IMPORTING", await idOf("m1:6379"));
    const [, reply] = await (await lab.access.client(id)).callAll([["ASKING"], ["SET", key, value]]);
    expect(reply).toBe("OK");
    await setSlot(id, 13, "STABLE");
  }

  test("nothing is wrong, and nothing is done", async () => {
    expect(await verdicts()).toEqual([]);
    expect(await fix()).toEqual([]);
  });

  test("a key that lies where nobody looks for it comes to its owner", async () => {
    await orphan("m3:6379", Buffer.concat([cargo.keyIn(13), Buffer.from(":orphan")]), "found again");
    cargo.expect(Buffer.concat([cargo.keyIn(13), Buffer.from(":orphan")]), "found again");
    expect(await verdicts()).toEqual(["13 keep m1:6379"]);
    expect(await fix()).toEqual([]);
    expect(await cargo.lastingFaults()).toEqual([]);
    expect(kept).toEqual([]);
  });

  test("of two values the owner's is kept, and the other is in quarantine before it goes; equal ones are one", async () => {
    const key = cargo.keyIn(13);
    await orphan("m3:6379", key, "another value");
    await orphan("m2:6379", cargo.keyIn(13), `value 0 of slot 13`);
    expect(await fix()).toEqual([]);
    expect(kept).toMatchObject([{ slot: 13, key, instance: "m3:6379", ttlMs: undefined }]);
    expect(kept[0]?.dump.includes("another value")).toBe(true);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("an equal set that both write in another order is not a second value", async () => {
    const members = Array.from({ length: 600 }, (_, index) => `member-${index}`);
    const key = Buffer.concat([cargo.keyIn(13), Buffer.from(":set")]);
    await (await lab.access.client("m1:6379")).call(["SADD", key, ...members]);
    await setSlot("m2:6379", 13, "IMPORTING", await idOf("m1:6379"));
    await (await lab.access.client("m2:6379")).callAll([["ASKING"], ["SADD", key, ...members.toReversed()]]);
    expect(await fix()).toEqual([]);
    expect(kept).toEqual([]);
    expect(await lab.call("m1:6379", "SCARD", key.toString())).toBe(600);
  });

  test("a slot that its owner gave up by mistake goes back to who has its keys", async () => {
    await lab.call("m1:6379", "CLUSTER", "DELSLOTS", "13", "14");
    expect((await verdicts()).map((line) => line.replace(/ \w+ /, " ")).sort()).toEqual(["13 m1:6379", "14 m1:6379"]);
    expect(await fix()).toEqual([]);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a slot without an owner and without keys goes to the master with the fewest", async () => {
    await lab.call("m3:6379", "CLUSTER", "DELSLOTS", "16383");
    for (const id of ["m1:6379", "m2:6379"]) await lab.call(id, "CLUSTER", "DELSLOTS", "16383");
    expect(await fix()).toEqual([]);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("open at both ends it goes on to its end; open at one it is closed", async () => {
    const [m1, m2] = [await idOf("m1:6379"), await idOf("m2:6379")];
    await setSlot("m2:6379", 13, "IMPORTING", m1);
    await setSlot("m1:6379", 13, "MIGRATING", m2);
    await setSlot("m3:6379", 14, "IMPORTING", m1);
    expect(await verdicts()).toEqual(["13 finish m1:6379", "14 keep m1:6379"]);
    expect(await fix()).toEqual([]);
    expect(await cargo.lastingFaults()).toEqual([]);
    expect(await verdicts()).toEqual([]);
  });
});

describe("a master that gives no answer", () => {
  beforeAll(async () => {
    kept = [];
    lab = await Lab.start(["m1", "m2", "m3"]);
    await form();
    cargo = new Cargo(lab);
  });
  afterAll(() => lab.stop());

  test("nothing is fixed while it may come back; told to, its slots go to the others", async () => {
    await cargo.load("m1:6379", [13], 3);
    await lab.kill("m2:6379");
    await expect(fix()).rejects.toMatchObject({
      code: "cluster.masters-gone",
      what: "m2:6379 owns 5462 slots (5461-10922) and gives no answer; no replica of it answers. These slots are left as they are.",
      next: expect.stringContaining("`redis-lab cluster fix LAB --give-away-empty`"),
    });
    expect(await fix({ giveAwayEmpty: true })).toEqual([]);
    expect(await verdicts()).toEqual([]);
    const owners = (await findSlotFaults(lab.members, lab.access)).cluster.owners;
    expect(owners.every((owner) => owner !== undefined)).toBe(true);
  });
});
