import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { casesOf, FULL } from "../../support/full.ts";
import { Lab, NODE_TIMEOUT, topologyOf } from "../support.ts";
import { Cargo } from "./cargo.ts";
import { backAsReplica, killedAndBack, killedForGood, type SweepCase, sweepOnce } from "./sweep.ts";

// A move that ends after any of its commands, as a killed process leaves it. Afterwards every slot has one owner and none is open, and every key is there once, with its value and its life.
// `npm run test:full` goes through every prefix with servers killed as well; `npm test` through some of those.

const SLOTS = [100, 101, 102];

let lab: Lab;
let folder: string;
let cargo: Cargo;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-sweep-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function start(names: readonly string[], config = "", nodeTimeoutMs?: number): Promise<void> {
  lab = await Lab.start(names, Object.fromEntries(names.map((name) => [name, config])), nodeTimeoutMs);
  const { members, access } = lab;
  await applyCluster(planCluster(await observeCluster(members, access), members), members, access, { emit: () => {} });
  cargo = new Cargo(lab);
  await cargo.load("m1:6379", SLOTS.slice(1), 3);
}

/** Every `step`th prefix until the move is through. */
async function sweep(
  options: Pick<SweepCase, "recovery" | "disaster"> & { readonly afterwards?: () => Promise<void> },
  step = 1,
): Promise<number> {
  for (let prefix = 0; ; prefix += step) {
    const { complete, log, quarantined } = await sweepOnce({ lab, slots: SLOTS, prefix, folder, ...options });
    const story = `after ${prefix} commands:\n${log.join("\n")}\n${(await topologyOf(lab)).join("\n")}`;
    expect(quarantined, story).toEqual([]);
    expect(await cargo.lastingFaults(), story).toEqual([]);
    await options.afterwards?.();
    if (complete) return prefix;
  }
}

describe("a process killed", () => {
  beforeAll(() => start(["m1", "m2", "m3"]));
  afterAll(() => lab.stop());

  test.each(["fix", "resume", "rollback"] as const)("after every prefix, then %s", async (recovery) => {
    expect(await sweep({ recovery })).toBeGreaterThan(8);
  });
});

// With `everysec` the server postpones writing while the disk is slow, and loses what it acknowledged.
describe("a server killed as well, which comes back with what it had on disk", () => {
  beforeAll(() => start(["m1", "m2", "m3"], "appendonly yes\nappendfsync always\ncluster-require-full-coverage no"));
  afterAll(() => lab.stop());

  test.each(
    casesOf([
      { end: "source", recovery: "fix", sample: true },
      { end: "source", recovery: "resume" },
      { end: "target", recovery: "fix" },
      { end: "target", recovery: "resume", sample: true },
      { end: "target", recovery: "rollback", sample: true },
    ] as const),
  )("the $end, then $recovery", async ({ end, recovery }) => {
    await sweep({ recovery, disaster: (at, move) => killedAndBack(at, move[end]) }, FULL ? 1 : 5);
  });
});

// Each prefix takes a failover, and the way back of the one that was killed.
describe.runIf(FULL)("a server killed as well, whose replica takes over", () => {
  // A replica must not leave for a master that lost its own: it would not be there for the next prefix.
  beforeAll(() => start(["m1", "m2", "m3", "r1", "r2"], "cluster-migration-barrier 99", NODE_TIMEOUT));
  afterAll(() => lab.stop());

  test.each([
    ["source", "resume"],
    ["target", "resume"],
    ["source", "rollback"],
  ] as const)(
    "the %s, then %s",
    async (end, recovery) => {
      let killed: string | undefined;
      await sweep({
        recovery,
        disaster: async (at, move) => {
          killed = move[end];
          await killedForGood(at, killed);
        },
        afterwards: async () => {
          if (killed !== undefined) await backAsReplica(lab, killed);
          killed = undefined;
        },
      });
    },
    1_200_000,
  );
});
