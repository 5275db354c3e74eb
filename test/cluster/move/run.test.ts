import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { keySlot } from "../../../lib/cluster/model/slots.ts";
import { moveSlots } from "../../../lib/cluster/move/run.ts";
import type { MovedSlot, MoveOptions, Quarantined, SlotMove } from "../../../lib/cluster/move/types.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import type { RedisClient } from "../../../lib/redis/types.ts";
import { overridden } from "../../support/client.ts";
import { Lab, NODE_TIMEOUT, topologyOf } from "../support.ts";
import { Cargo } from "./cargo.ts";

/** Slots of the first master that are moved. */
const SLOTS = Array.from({ length: 40 }, (_, index) => 100 + index);
const TO_M2: SlotMove = { source: "m1:6379", target: "m2:6379", slots: [{ first: 100, last: 139 }] };

async function form(lab: Lab): Promise<void> {
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: lab.emit });
}

function move(lab: Lab, moves: readonly SlotMove[], options: Partial<MoveOptions> = {}) {
  return moveSlots(moves, lab.members, lab.access, { emit: lab.emit, ...options });
}

describe("three masters", () => {
  let lab: Lab;
  let cargo: Cargo;
  beforeAll(async () => {
    lab = await Lab.start(["m1", "m2", "m3"]);
  });
  afterAll(() => lab.stop());
  afterEach(() => lab.reset());

  async function loaded(perSlot = 3): Promise<void> {
    await form(lab);
    cargo = new Cargo(lab);
    await cargo.load("m1:6379", SLOTS, perSlot);
  }

  test("slots go with their keys, values and lives, and every node knows of it", async () => {
    await loaded();
    const seen: MovedSlot[] = [];
    const report = await move(lab, [TO_M2], { onSlot: (slot) => seen.push(slot) });
    expect(report).toMatchObject({ slots: 40, keys: 120, quarantined: 0 });
    expect(report.bytes).toBeGreaterThan(120 * 20);
    expect(seen.map(({ slot }) => slot).sort((a, b) => a - b)).toEqual(SLOTS);
    expect(await topologyOf(lab)).toEqual([
      "m1:6379 master 0-99,140-5460",
      "m2:6379 master 100-139,5461-10922",
      "m3:6379 master 10923-16383",
    ]);
    expect(await cargo.lastingFaults()).toEqual([]);
    // All of it is there already: nothing is done, and nothing is wrong.
    expect(await move(lab, [TO_M2])).toMatchObject({ slots: 40, keys: 0 });
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("several pairs at once, and there and back again at once: no key is lost to an epoch that a node had not heard of", async () => {
    await loaded(2);
    const away = [
      { source: "m1:6379", target: "m2:6379", slots: [{ first: 100, last: 119 }] },
      { source: "m1:6379", target: "m3:6379", slots: [{ first: 120, last: 139 }] },
    ];
    const back = away.map(({ source, target, slots }) => ({ source: target, target: source, slots }));
    for (let round = 0; round < 3; round += 1) {
      await move(lab, away);
      await move(lab, back);
    }
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a slot with more keys than one page and one batch", async () => {
    await form(lab);
    cargo = new Cargo(lab);
    await cargo.load("m1:6379", [100], 700);
    const report = await move(lab, [{ ...TO_M2, slots: [{ first: 100, last: 100 }] }], { pipeline: 100 });
    expect(report.keys).toBe(700);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test.each([{ maxLatencyMs: 1000 }, { maxLatencyMs: 30 }, { keysPerSecond: 2000 }, { bytesPerSecond: 400_000 }])(
    "under the throttle %o, whose batches change their size on the way",
    async (throttle) => {
      await form(lab);
      cargo = new Cargo(lab);
      await cargo.load("m1:6379", SLOTS.slice(0, 4), 300);
      expect(await move(lab, [TO_M2], { throttle })).toMatchObject({ slots: 40, keys: 1200 });
      expect(await topologyOf(lab)).toContain("m2:6379 master 100-139,5461-10922");
      expect(await cargo.lastingFaults()).toEqual([]);
    },
  );

  test("keys that lie at the target already stop the move before anything is opened", async () => {
    await loaded();
    const key = cargo.keyIn(110);
    const m2 = await lab.access.client("m2:6379");
    const m1Id = String(await lab.call("m1:6379", "CLUSTER", "MYID"));
    await m2.call(["CLUSTER", "SETSLOT", 110, "IMPORTING", m1Id]);
    await m2.callAll([["ASKING"], ["SET", key, "an orphan"]]);
    await m2.call(["CLUSTER", "SETSLOT", 110, "STABLE"]);
    await expect(move(lab, [TO_M2], { slotsAtOnce: 1 })).rejects.toMatchObject({
      code: "cluster.orphans",
      what: expect.stringMatching(/1 key of slot 110, which belongs to m1:6379\. 10 of 40 slots were moved; none is open\.$/),
    });
  });

  test.each([
    ["stop", "the move stops, and both are as they were"],
    ["keep-source", "the owner's is kept, and the other is in quarantine before"],
  ] as const)("different values at both ends of an open slot, %s: %s", async (conflict, _what) => {
    await loaded();
    const key = cargo.keyIn(110);
    const [m1, m2] = [await lab.access.client("m1:6379"), await lab.access.client("m2:6379")];
    const ids = await Promise.all([m1, m2].map((client) => client.call(["CLUSTER", "MYID"])));
    await m2.call(["CLUSTER", "SETSLOT", 110, "IMPORTING", String(ids[0])]);
    await m2.callAll([["ASKING"], ["SET", key, "another value", "PX", "900000"]]);
    const kept: Quarantined[] = [];
    const quarantine = async (values: readonly Quarantined[]) => void kept.push(...values);
    const run = move(lab, [TO_M2], { conflict, quarantine });
    if (conflict === "stop") {
      await expect(run).rejects.toMatchObject({ code: "cluster.values-differ", what: expect.stringContaining("slot 110") });
      expect(kept).toEqual([]);
      const [, value] = await m2.callAll([["ASKING"], ["GET", key]]);
      expect(String(value)).toBe("another value");
      await m1.call(["CLUSTER", "SETSLOT", 110, "STABLE"]);
      await m2.call(["CLUSTER", "SETSLOT", 110, "STABLE"]);
      return;
    }
    expect(await run).toMatchObject({ slots: 40, quarantined: 1 });
    expect(kept).toMatchObject([{ slot: 110, key, instance: "m2:6379" }]);
    expect(kept[0]?.ttlMs).toBeGreaterThan(800_000);
    expect(kept[0]?.dump.includes("another value")).toBe(true);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a target that is silent for a moment: a value that it has of an open slot is compared and kept, not overwritten by the second try", async () => {
    await loaded();
    const key = cargo.keyIn(110);
    const [m1, m2] = [await lab.access.client("m1:6379"), await lab.access.client("m2:6379")];
    const ids = await Promise.all([m1, m2].map((client) => client.call(["CLUSTER", "MYID"])));
    await m2.call(["CLUSTER", "SETSLOT", 110, "IMPORTING", String(ids[0])]);
    await m2.callAll([["ASKING"], ["SET", key, "another value"]]);
    const kept: Quarantined[] = [];
    const server = lab.servers.get("m2:6379")?.process;
    const answers: string[] = [];
    const access = {
      ...lab.access,
      async connect(id: string) {
        const client = await lab.access.connect(id);
        const callAll: RedisClient["callAll"] = async (commands, options) => {
          const migrates = commands.some(([name]) => name === "MIGRATE");
          if (migrates && answers.length === 0) server?.kill("SIGSTOP");
          const replies = await client.callAll(commands, options);
          if (migrates) {
            server?.kill("SIGCONT");
            answers.push(...replies.map((reply) => String(reply)));
          }
          return replies;
        };
        return overridden(client, { callAll });
      },
    };
    const report = await moveSlots([{ ...TO_M2, slots: [{ first: 110, last: 110 }] }], lab.members, access, {
      emit: lab.emit,
      timeoutMs: 1000,
      conflict: "keep-source",
      quarantine: async (values) => void kept.push(...values),
    });
    expect(answers.join()).toContain("IOERR");
    expect(report).toMatchObject({ slots: 1, quarantined: 1 });
    expect(kept).toMatchObject([{ slot: 110, key, instance: "m2:6379" }]);
    expect(kept[0]?.dump.includes("another value")).toBe(true);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a value that the target would not take is refused before its slot is opened", async () => {
    await loaded();
    const key = cargo.keyIn(120);
    await (await lab.access.client("m1:6379")).call(["SET", key, randomText(3 << 20)]);
    await lab.call("m2:6379", "CONFIG", "SET", "proto-max-bulk-len", String(2 << 20));
    await expect(move(lab, [{ ...TO_M2, slots: [{ first: 120, last: 120 }] }])).rejects.toMatchObject({
      code: "cluster.value-too-large",
      what: expect.stringMatching(/3145\d+ bytes long on its way; m2:6379 takes 2097152 at most.*none is open/),
    });
    await lab.call("m2:6379", "CONFIG", "SET", "proto-max-bulk-len", String(512 << 20));
    expect((await observeCluster(lab.members, lab.access)).nodes.get("m1:6379")).toMatchObject({ clusterState: "ok" });
    expect(await topologyOf(lab)).toContain("m1:6379 master 0-5460");
  });

  test("an abort lets what travels arrive, and opens nothing more", async () => {
    await loaded();
    const stop = new AbortController();
    let arrived = 0;
    const run = move(lab, [TO_M2], {
      signal: stop.signal,
      slotsAtOnce: 4,
      throttle: { keysPerSecond: 50 },
      onSlot: () => {
        arrived += 1;
        if (arrived === 6) stop.abort(new Error("enough"));
      },
    });
    await expect(run).rejects.toMatchObject({
      code: "cluster.interrupted",
      what: expect.stringMatching(/of 40 slots were moved; none is open/),
    });
    expect(arrived).toBeGreaterThanOrEqual(6);
    expect(arrived).toBeLessThan(40);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a throttle in keys per second holds, and so does one in bytes", async () => {
    await loaded();
    const begin = performance.now();
    await move(lab, [{ ...TO_M2, slots: [{ first: 100, last: 119 }] }], { throttle: { keysPerSecond: 100 } });
    // 60 keys, the first ten of them at once.
    expect(performance.now() - begin).toBeGreaterThan(450);
    const report = await move(lab, [{ ...TO_M2, slots: [{ first: 120, last: 139 }] }], { throttle: { bytesPerSecond: 10_000 } });
    expect(report.seconds).toBeGreaterThan((report.bytes - 1100) / 10_000);
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("under a ceiling of latency the move comes to its end", async () => {
    await loaded();
    expect(await move(lab, [TO_M2], { throttle: { maxLatencyMs: 200 } })).toMatchObject({ slots: 40, keys: 120 });
    expect(await cargo.lastingFaults()).toEqual([]);
  });

  test("a slot that another client gave away meanwhile is not taken from the new owner", async () => {
    await loaded();
    await expect(move(lab, [{ source: "m3:6379", target: "m2:6379", slots: [{ first: 100, last: 101 }] }])).rejects.toMatchObject({
      code: "cluster.slot-strayed",
      what: expect.stringContaining("Slot 100 was planned to leave m3:6379, and belongs to m1:6379 now."),
    });
  });
});

describe("masters that fail in the middle", () => {
  let lab: Lab;
  afterEach(() => lab.stop());

  test.each([
    ["source", "m1:6379", "r1:6379"],
    ["target", "m2:6379", "r2:6379"],
  ])("the %s is killed: the move goes on with its replica, and no key is lost", async (_end, killed, heir) => {
    lab = await Lab.start(["m1", "m2", "m3", "r1", "r2"], {}, NODE_TIMEOUT);
    await form(lab);
    const cargo = new Cargo(lab);
    await cargo.load("m1:6379", SLOTS, 3);
    expect(await lab.call("m1:6379", "WAIT", "1", "50000")).toBe(1);
    let dying: Promise<void> | undefined;
    const kept: Quarantined[] = [];
    const report = await move(lab, [TO_M2], {
      slotsAtOnce: 2,
      throttle: { keysPerSecond: 200 },
      conflict: "keep-source",
      quarantine: async (values) => void kept.push(...values),
      onSlot: ({ slot }) => {
        if (slot === 110) dying = lab.kill(killed);
      },
    });
    await dying;
    expect(report.slots).toBe(40);
    const masters = await topologyOf(lab);
    expect(masters.find((line) => line.startsWith(heir))).toContain("master");
    await waitFor(
      async () => {
        const faults = await cargo.faults();
        return faults.length === 0 ? { done: true, value: undefined } : { done: false, missing: faults.join("; ") };
      },
      { what: "a cluster without faults", timeoutMs: 60_000 },
    );
    expect(kept).toEqual([]);
    expect(keySlot(cargo.keyIn(139))).toBe(139);
  });
});

/** Bytes that no compression shortens. */
function randomText(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (state * 48_271) % 2_147_483_647;
    bytes[index] = state & 255;
  }
  return bytes;
}
