import { afterEach, expect, test } from "vitest";
import { isLabError, type LabError } from "../../../lib/base/error.ts";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { findBusFaults } from "../../../lib/cluster/findings/bus-faults.ts";
import { observeAgreement } from "../../../lib/cluster/gossip/agreement.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { nextAddress } from "../../support/redis.ts";
import { CALLS_FROM_OWN_ADDRESS, Lab, NODE_TIMEOUT } from "../support.ts";

const NAMES = ["m1", "m2", "m3", "r1"] as const;

let lab: Lab;
afterEach(() => lab.stop());

/** Forms the cluster and gives the error that comes of it. */
async function failure(disturb?: () => Promise<unknown>): Promise<LabError> {
  const plan = planCluster(await observeCluster(lab.members, lab.access), lab.members);
  expect(plan.findings).toEqual([]);
  await disturb?.();
  try {
    await applyCluster(plan, lab.members, lab.access, { emit: lab.emit, timeoutMs: 60_000, diagnoseAfterMs: 2500 });
  } catch (error) {
    if (isLabError(error)) return error;
    throw error;
  }
  throw new Error("the cluster was formed");
}

test("a bus port that is announced wrongly is named, and not waited for", async () => {
  lab = await Lab.start(NAMES, { r1: "cluster-announce-bus-port 17000" }, NODE_TIMEOUT);
  const error = await failure();
  expect(error.code).toMatch(/^cluster.not-(joined|formed)$/);
  expect(error.why).toBe("r1:6379 announces the bus port 17000, where nothing answers; its bus is expected at 16379.");
  expect(error.next).toContain("cluster-announce-bus-port of r1:6379 to 16379");
});

test("an address that is announced wrongly is refused before, and named when it happens under way", async () => {
  const elsewhere = nextAddress();
  lab = await Lab.start(NAMES, {}, NODE_TIMEOUT);
  const error = await failure(() => lab.call("m2:6379", "CONFIG", "SET", "cluster-announce-ip", elsewhere));
  expect(error.code).toBe("cluster.not-joined");
  expect(error.why).toContain(`m2:6379 announces itself as ${elsewhere}:6379, but it stands at ${lab.member("m2:6379").address}:6379.`);
  await lab.reset();
  const refused = planCluster(await observeCluster(lab.members, lab.access), lab.members);
  expect(refused.actions).toEqual([]);
  expect(refused.findings.filter(({ severity }) => severity === "refuses").map(({ code }) => code)).toEqual(["wrong-announce"]);
});

test.skipIf(CALLS_FROM_OWN_ADDRESS)("a foreign first address in `bind` is named", async () => {
  const first = nextAddress();
  const own = nextAddress();
  lab = await Lab.start(NAMES.slice(0, 3), {}, NODE_TIMEOUT);
  await lab.add("r1", `bind ${first} ${own}`, own);
  const error = await failure();
  expect(error.code).toBe("cluster.not-joined");
  expect(error.why).toContain(`r1:6379 has \`bind ${first} ${own}\`: it calls the other nodes from ${first}, where they can't answer it.`);
  expect(error.next).toContain(`Write \`bind ${own} ${first}\``);
});

test.runIf(CALLS_FROM_OWN_ADDRESS)("a server that calls from a foreign address is named by those whom it calls", async () => {
  lab = await Lab.start(NAMES, {}, NODE_TIMEOUT);
  await Promise.all(lab.members.map(({ id }) => lab.call(id, "CONFIG", "SET", "bind-source-addr", "")));
  const error = await failure();
  // Gossip may introduce them all before anybody is asked for the reason.
  expect(error.code).toMatch(/^cluster.not-(joined|formed)$/);
  // Whichever of the two they see first.
  expect(error.why).toMatch(
    /called from 127\.0\.0\.1, which is not an address of an instance of this lab|\S+ knows \S+ as 127\.0\.0\.1, but it stands at /,
  );
  expect(error.next).toContain("bind-source-addr");
});

test("a replica with another password is named when the wait is over", async () => {
  lab = await Lab.start(NAMES, { r1: "masterauth another-password" });
  const plan = planCluster(await observeCluster(lab.members, lab.access), lab.members);
  const { actions } = plan;
  await applyCluster({ ...plan, actions: actions.slice(0, -1) }, lab.members, lab.access, { emit: lab.emit, timeoutMs: 60_000 });
  // The last step waits for the replica.
  const last = { ...plan, actions: actions.slice(-1) };
  const error = await applyCluster(last, lab.members, lab.access, { emit: lab.emit, timeoutMs: 8000 }).catch((reason: unknown) => reason);
  expect(isLabError(error) && error.code).toBe("cluster.not-formed");
  expect(String(error)).toContain("r1:6379 has its place in the cluster and can't copy from its master; most often masterauth differs");
});

test("closed and filtered bus ports are told apart, with the hosts from which they were tried", async () => {
  lab = await Lab.start(NAMES.slice(0, 3));
  const { nodes } = await observeAgreement(
    lab.members.map(({ id }) => id),
    lab.members,
    lab.access,
  );
  // Whether a firewall refuses or swallows is its own affair: what is tried here is what is said of it.
  const blocked = (result: "refused" | "timeout", from: readonly string[]) =>
    findBusFaults(nodes, {
      ...lab.access,
      probe: async (id, address) => (address === lab.member("m3:6379").address && from.includes(id) ? result : "open"),
    });
  const bus = `${lab.member("m3:6379").address}:16379`;
  expect((await blocked("refused", ["m1:6379", "m2:6379"])).map(({ kind, text }) => [kind, text])).toEqual([
    ["bus-port-closed", `The cluster bus port ${bus} of m3:6379 is closed as seen from every other host (refused).`],
  ]);
  expect((await blocked("timeout", ["m2:6379"])).map(({ kind, text }) => [kind, text])).toEqual([
    ["bus-port-filtered", `The cluster bus port ${bus} of m3:6379 is filtered as seen from m2 (timeout).`],
  ]);
  expect(await findBusFaults(nodes, lab.access)).toEqual([]);
});
