import { afterAll, beforeAll, expect, test } from "vitest";
import { applyCluster } from "../../../lib/cluster/apply/apply.ts";
import { awaitAgreement } from "../../../lib/cluster/gossip/await-agreement.ts";
import { discover, discoveredMember } from "../../../lib/cluster/model/discover.ts";
import { observeCluster } from "../../../lib/cluster/model/observe.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { connectRedis } from "../../../lib/redis/client.ts";
import type { InstanceAccess } from "../../../lib/redis/types.ts";
import { dial, Lab, PASSWORD } from "../support.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3"]);
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: lab.emit });
});
afterAll(() => lab.stop());

/** Nodes by address alone; `from-afar` is another way to the first one. */
const access: InstanceAccess = {
  client: (id) => access.connect(id),
  connect: (id) => {
    const [address = "", port] = id.split(":");
    const first = lab.member("m1:6379");
    return connectRedis({ address: address === "from-afar" ? first.address : address, port: Number(port) }, dial, {
      passwords: [PASSWORD],
      timeoutMs: 60_000,
    });
  },
  stream: (id) => lab.access.stream(id),
  probe: async () => "open",
};

test("one node is enough to find the others", async () => {
  const { address, port } = lab.member("m2:6379");
  const { members, observation } = await discover([discoveredMember(address, port)], access);
  expect(members.map(({ id }) => id).sort()).toEqual(lab.members.map((member) => `${member.address}:${member.port}`).sort());
  expect([...observation.nodes.values()].every(({ reachable }) => reachable)).toBe(true);
});

test("a node that is known by another address than the cluster's is one node all the same", async () => {
  const { members, observation } = await discover([discoveredMember("from-afar", 6379)], access);
  expect(members.map(({ id }) => id).sort()).toEqual(
    ["from-afar:6379", ...["m2:6379", "m3:6379"].map((id) => `${lab.member(id).address}:6379`)].sort(),
  );
  expect(observation.nodes.size).toBe(3);
});

test("settle: what is formed agrees at once; who does not know another one is named, or introduced", async () => {
  expect(await awaitAgreement(lab.members, lab.access, { timeoutMs: 60_000 })).toBeUndefined();
  await lab.call("m3:6379", "CLUSTER", "FORGET", String(await lab.call("m1:6379", "CLUSTER", "MYID")));
  expect(await awaitAgreement(lab.members, lab.access, { timeoutMs: 300, passive: true })).toBe("m3:6379 does not know m1:6379");
  expect(await awaitAgreement(lab.members, lab.access, { timeoutMs: 60_000 })).toBeUndefined();
});
