import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { moveSlots } from "../../../lib/cluster/move/run.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { CutOffAccess } from "../move/cut-off.ts";
import { Lab } from "../support.ts";

// A slot that comes back to a node that has seen its owner not claim it: on Redis 7.0 that node believes the node that claims it next.

const SLOT = "0";
const KEY = "k596"; // of slot 0
let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3"]);
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: () => {} });
});
afterAll(() => lab.stop());

const idOf = async (name: string) => String(await lab.call(`${name}:6379`, "CLUSTER", "MYID"));

/** Lets one node tell another of its slots, and waits until that one has read it. */
async function tells(from: string, to: string): Promise<void> {
  const heard = async () =>
    Number(/cluster_stats_messages_meet_received:(\d+)/.exec(String(await lab.call(`${to}:6379`, "CLUSTER", "INFO")))?.[1] ?? 0);
  const before = await heard();
  const { address } = lab.member(`${to}:6379`);
  await lab.call(`${from}:6379`, "CLUSTER", "MEET", address, "6379");
  await waitFor(
    async () => ((await heard()) > before ? { done: true, value: undefined } : { done: false, missing: `a packet of ${from} at ${to}` }),
    { what: "a packet", timeoutMs: 60_000, intervalMs: 20 },
  );
}

test("a slot that went away and comes back keeps its keys, though its former owner still claims it", async () => {
  const [m1, m2] = [await idOf("m1"), await idOf("m2")];
  // m1 gives the slot away, hears that the new owner does not claim it, and never hears that it does.
  await lab.call("m1:6379", "CLUSTER", "SETSLOT", SLOT, "NODE", m2);
  await tells("m2", "m1");
  await lab.call("m2:6379", "CLUSTER", "SETSLOT", SLOT, "NODE", m2);
  await lab.call("m2:6379", "SET", KEY, "kept");
  // The move back ends when its target has taken the slot, and before its source is told.
  const cut = new CutOffAccess(lab.access, 4);
  const move = { source: "m2:6379", target: "m1:6379", slots: [{ first: 0, last: 0 }] };
  await expect(moveSlots([move], lab.members, cut, { emit: () => {} })).rejects.toThrow();
  expect(cut.log.at(-1)).toBe(`m1:6379 CLUSTER SETSLOT ${SLOT} NODE`);
  await tells("m2", "m1");
  expect(await lab.call("m1:6379", "CLUSTER", "COUNTKEYSINSLOT", SLOT)).toBe(1);
  expect(String(await lab.call("m1:6379", "CLUSTER", "NODES"))).toMatch(new RegExp(`^${m1} .* 0-5460`, "m"));
  for (const [name, coverage] of [
    ["m1", "yes"],
    ["m2", "yes"],
  ] as const)
    expect(await lab.call(`${name}:6379`, "CONFIG", "GET", "cluster-require-full-coverage")).toContain(coverage);
});
