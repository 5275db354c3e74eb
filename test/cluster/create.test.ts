import { afterAll, beforeAll, expect, test } from "vitest";
import { applyCluster } from "../../lib/cluster/apply/apply.ts";
import { proveCluster } from "../../lib/cluster/apply/prove.ts";
import { clusterFindings } from "../../lib/cluster/findings/declared.ts";
import { observeCluster } from "../../lib/cluster/model/observe.ts";
import type { ClusterPlan } from "../../lib/cluster/model/types.ts";
import { planCluster } from "../../lib/cluster/plan/create-and-join.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import { Lab, SIX, topologyOf } from "./support.ts";

// Real servers. Several labs side by side: most of the time goes into waiting for gossip.

const labs: Lab[] = [];
beforeAll(async () => {
  labs.push(...(await Promise.all([0, 1, 2, 3].map(() => Lab.start([...SIX, "s1"])))));
});
afterAll(() => Promise.all(labs.map((lab) => lab.stop())));

function plan(lab: Lab): Promise<ClusterPlan> {
  return observeCluster(lab.members, lab.access).then((observation) => planCluster(observation, lab.members));
}

async function apply(lab: Lab, actions: ClusterPlan["actions"]): Promise<void> {
  await applyCluster({ actions, findings: [] }, lab.members, lab.access, { emit: lab.emit, timeoutMs: 60_000 });
}

const WHOLE = [
  "m1:6379 master 0-5460",
  "m2:6379 master 5461-10922",
  "m3:6379 master 10923-16383",
  "r1:6379 replica of m1:6379",
  "r2:6379 replica of m2:6379",
  "r3:6379 replica of m3:6379",
  "s1:6379 alone",
];

async function expectWhole(lab: Lab): Promise<void> {
  expect(await topologyOf(lab)).toEqual(WHOLE);
  const observation = await observeCluster(lab.members, lab.access);
  expect(clusterFindings(observation, lab.members)).toEqual([]);
  expect(planCluster(observation, lab.members)).toEqual({ actions: [], findings: [] });
}

test("fresh instances become the declared cluster, which serves", async () => {
  const lab = labs[0]!;
  const first = await plan(lab);
  expect(first.findings).toEqual([]);
  await apply(lab, first.actions);
  await expectWhole(lab);
  const steps = lab.events.filter((event) => event.type === "step" && event.step === "layout");
  expect(steps.filter((event) => event.type === "step" && event.state === "changed").length).toBe(14);

  const proof = await proveCluster(lab.members, lab.access);
  expect(proof.map(({ master }) => master)).toEqual(["m1:6379", "m2:6379", "m3:6379"]);
  expect(proof.every(({ master, redirects }) => redirects.length === 1 && redirects[0] === master)).toBe(true);
  for (const { key, entry } of proof)
    await expect(lab.call(entry, "CLUSTER", "KEYSLOT", key)).resolves.toBe(proof.find((one) => one.key === key)?.slot);
  expect(await lab.call("m1:6379", "DBSIZE")).toBe(0);
  // A node that finds the cluster down for a moment is asked again; one that stays so is no proof.
  let downs = 3;
  const wavering: typeof lab.access = {
    ...lab.access,
    client: async (id) => {
      const client = await lab.access.client(id);
      const call: typeof client.call = async (command, ...rest) => {
        if (command[0] === "SET" && downs-- > 0) throw new RedisReplyError("CLUSTERDOWN Hash slot not served");
        return client.call(command, ...rest);
      };
      return Object.create(client, { call: { value: call } });
    },
  };
  await expect(proveCluster(lab.members, wavering)).resolves.toHaveLength(3);
  expect(downs).toBeLessThan(0);
  downs = Number.POSITIVE_INFINITY;
  await expect(proveCluster(lab.members, wavering, { patienceMs: 300 })).rejects.toThrow(/answered SET with: CLUSTERDOWN/);

  // Everything once more: each action finds itself done.
  lab.events.length = 0;
  await apply(
    lab,
    first.actions.filter(({ action }) => action.kind !== "meet"),
  );
  expect(lab.events.filter((event) => event.type === "step" && event.state === "changed")).toEqual([]);
  await expectWhole(lab);
});

test("cut off after any command, in the middle of one, and with a node killed, the next run ends in the same cluster", async () => {
  const cuts = Array.from({ length: 16 }, (_, after) => after);
  await Promise.all(
    labs.map(async (lab, index) => {
      for (const after of cuts.filter((cut) => cut % labs.length === index)) {
        await lab.reset();
        const { actions } = await plan(lab);
        expect(actions.length).toBe(16);
        await apply(lab, actions.slice(0, after));
        const next = actions[after]?.action;
        // A command that was sent in part: the first slots, or a MEET whose handshake nobody waited for.
        if (next?.kind === "add-slots")
          await lab.call(
            next.instance,
            "CLUSTER",
            "ADDSLOTS",
            ...Array.from({ length: 50 }, (_, slot) => `${slot + (next.slots[0]?.first ?? 0)}`),
          );
        if (next?.kind === "meet") await lab.call(next.seed, "CLUSTER", "MEET", lab.member(next.instance).address, "6379");
        if (after % 3 === 0) {
          const victim = `${SIX[after % SIX.length]}:6379`;
          await lab.kill(victim, { wipe: false });
          await lab.restart(victim, { wiped: false });
        }
        const rest = await plan(lab);
        expect(rest.findings.filter(({ severity }) => severity === "refuses")).toEqual([]);
        await apply(lab, rest.actions);
        await expectWhole(lab);
      }
    }),
  );
});

test("a master that loses its folder before the cluster is whole gets its slots again", async () => {
  const lab = await Lab.start([...SIX, "s1"]);
  labs.push(lab);
  const { actions } = await plan(lab);
  // m3 has its slots and was met, r1 … r3 were not: then it is replaced by an empty one.
  await apply(lab, [
    ...actions.slice(0, 8),
    { action: { kind: "await-joined", instances: ["m1:6379", "m2:6379", "m3:6379"] }, reason: "create", summary: "" },
  ]);
  await lab.kill("m3:6379");
  await lab.restart("m3:6379", { wiped: true });
  await apply(lab, (await plan(lab)).actions);
  expect(await topologyOf(lab)).toEqual(WHOLE);
  const after = await plan(lab);
  expect(after.actions).toEqual([]);
  expect(after.findings.every(({ severity, code }) => severity === "note" && code === "extra-member")).toBe(true);
});
