import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { readTopology } from "../../../lib/cluster/model/topology.ts";
import { Lab, NODE_TIMEOUT } from "../../cluster/support.ts";
import { agreed, at, call, create, idOf, removeFolders, trib } from "../support.ts";

const MEMBERS = ["m1", "m2", "m3", "r1", "r2", "r3", "s1", "s2"] as const;
let lab: Lab;
beforeAll(async () => {
  // A replica must not leave for a master that lost its own.
  lab = await Lab.start(MEMBERS, Object.fromEntries(MEMBERS.map((name) => [name, "cluster-migration-barrier 99"])));
  await create(lab, ["m1", "m2", "m3", "r1", "r2", "r3"], 1);
  for (const name of ["s1", "s2"]) expect((await trib(["add-node", at(lab, name), at(lab, "m1")])).code).toBe(0);
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

const delNode = (id: string) => trib(["del-node", at(lab, "m1"), id]);

/** Each knows so many nodes, itself among them, once no handshake of others is under way. */
async function expectKnown(names: readonly string[], count: number): Promise<void> {
  for (const name of names) {
    const known = async () =>
      String(await call(lab, name, "CLUSTER", "NODES"))
        .trim()
        .split("\n").length;
    await expect.poll(known, { timeout: 60_000, message: name }).toBe(count);
  }
}

test("a node that nobody knows", async () => {
  const { code, out } = await delNode("ABCDEF");
  expect([code, out]).toEqual([1, `>>> Removing node abcdef from cluster ${at(lab, "m1")}\n[ERR] No such node ID abcdef\n`]);
});

test("replicas of who leaves follow masters that stay, and that have slots", async () => {
  const [s1, s2] = [await idOf(lab, "s1"), await idOf(lab, "s2")];
  // A replica of the victim, and an empty master that has fewer replicas than all others.
  await call(lab, "r1", "CLUSTER", "REPLICATE", s1);
  await agreed(lab);
  const { code, out } = await delNode(s1.toUpperCase());
  expect(code).toBe(0);
  expect(out).toMatch(
    new RegExp(`^>>> Removing node ${s1} from cluster \\S+
>>> Sending CLUSTER FORGET messages to the cluster...
>>> ${at(lab, "r1")} as replica of (${["m1", "m2", "m3"].map((name) => at(lab, name)).join("|")})
>>> SHUTDOWN the node.
$`),
  );
  await lab.kill("s1:6379");
  const rest = lab.members.filter(({ host }) => host !== "s1");
  await agreed(lab, rest);
  const topology = readTopology(await observeCluster(rest, lab.access), rest);
  expect([s1, s2]).not.toContain(topology.live.get("r1:6379")?.self.masterId);
  await expectKnown(
    rest.map(({ host }) => host),
    7,
  );
});

test("a node that is gone is forgotten by all", async () => {
  const id = await idOf(lab, "s2");
  await lab.kill("s2:6379");
  const { code, out, err } = await delNode(id);
  expect([code, out.split("\n").at(-2)]).toEqual([0, ">>> Sending CLUSTER FORGET messages to the cluster..."]);
  expect(err).toContain("gives no answer, so it can't be shut down");
  await expectKnown(["m1", "m2", "m3", "r1", "r2", "r3"], 6);
});

test("a master that is gone and owns slots stays known: its keys may be on its disk", async () => {
  const id = await idOf(lab, "m3");
  await call(lab, "r3", "CONFIG", "SET", "cluster-slave-no-failover", "yes").catch(() =>
    call(lab, "r3", "CONFIG", "SET", "cluster-slave-validity-factor", "1"),
  );
  for (const name of ["m1", "m2", "m3", "r1", "r2", "r3"])
    await call(lab, name, "CONFIG", "SET", "cluster-node-timeout", String(NODE_TIMEOUT));
  for (const name of ["r1", "r2", "r3"])
    if (String(await call(lab, name, "CLUSTER", "NODES")).match(`myself,slave ${id}`)) await lab.kill(`${name}:6379`);
  await lab.kill("m3:6379", { wipe: false });
  await waitFor(
    async () => {
      const line = String(await call(lab, "m1", "CLUSTER", "NODES"))
        .split("\n")
        .find((each) => each.startsWith(id));
      return line?.includes("fail") === true ? { done: true, value: undefined } : { done: false, missing: "the failure" };
    },
    { what: "the failure to be seen", timeoutMs: 60_000 },
  );
  const { code, out } = await delNode(id);
  expect([code, out.split("\n").at(-2)]).toEqual([1, `[ERR] Node ${at(lab, "m3")} is not empty! Reshard data away and try again.`]);
});
