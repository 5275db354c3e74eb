import { expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placedInstances, placeLab } from "../../../lib/lab/placement.ts";
import { clusterOperations } from "../../../lib/operations/layouts/cluster.ts";
import type { Session } from "../../../lib/operations/session.ts";
import { clusterInput } from "../../support/labs.ts";

const placement = placeLab(defineLab(clusterInput()), { target: "local", hostsFolder: "/nowhere" });
const NODES = ["redis-18:6379", "redis-28:6379"];
const nodeId = (id: string) => Buffer.from(id.padEnd(20, ".")).toString("hex");

/** Two nodes that answer; `flags` is what the second one says of the first. */
function session(flags: () => string): Session {
  const instances = placedInstances(placement).filter(({ id }) => NODES.includes(id));
  const client = async (by: string) => {
    if (!NODES.includes(by))
      throw new LabError({ code: "redis.unreachable", kind: "environment", what: `${by}: nothing listens there.`, next: "Start it." });
    const lines = instances.map(({ id, address, port }, index) => {
      const of = id === by ? "myself,master" : id === NODES[0] ? flags() : "master";
      return `${nodeId(id)} ${address}:${port}@${port + 10_000} ${of} - 0 0 ${index + 1} connected ${index === 0 ? "0-8191" : "8192-16383"}`;
    });
    const replies: Readonly<Record<string, string | number>> = {
      INFO: "redis_version:7.0.15\r\ncluster_enabled:1\r\nrole:master\r\nloading:0",
      "CLUSTER INFO": "cluster_state:ok\r\ncluster_known_nodes:2\r\ncluster_current_epoch:2\r\ncluster_my_epoch:1",
      "CLUSTER NODES": lines.join("\n"),
      "CLUSTER MYID": nodeId(by),
      DBSIZE: 0,
    };
    return { call: async (command: readonly string[]) => replies[command.join(" ")] };
  };
  const found: unknown = {
    lab: placement.lab,
    placement,
    access: { client },
    emit: () => {},
    signal: undefined,
    state: { members: [] },
    paths: { quarantineFolder: "/nowhere/quarantine" },
  };
  return found as Session;
}

test("a restarted node is back when no other takes it for failed any more: until then its cluster may serve nobody", async () => {
  let looks = 0;
  const layout = clusterOperations(
    session(() => {
      looks += 1;
      return looks <= 2 ? "master,fail" : "master";
    }),
  );
  await layout.settled("redis-18:6379");
  expect(looks).toBe(3);
});

test("a suspicion alone is not waited for: one node may lose sight of another at any time", async () => {
  let looks = 0;
  const layout = clusterOperations(
    session(() => {
      looks += 1;
      return "master,fail?";
    }),
  );
  await layout.settled("redis-18:6379");
  expect(looks).toBe(1);
});

test("a load is pointed at nodes that know who has the slots: a standby that is asked first would know of none for ever", async () => {
  const placed = placedInstances(placement);
  const standby = placed.find(({ role }) => role.kind === "standby");
  const of = session(() => "master");
  const client = async (by: string) => {
    if (by !== standby?.id) return of.access.client(by);
    const alone = `${nodeId(by)} ${standby.address}:${standby.port}@${standby.port + 10_000} myself,master - 0 0 0 connected`;
    const replies: Readonly<Record<string, string | number>> = {
      INFO: "redis_version:7.0.15\r\ncluster_enabled:1\r\nrole:master\r\nloading:0",
      "CLUSTER INFO": "cluster_state:fail\r\ncluster_known_nodes:1\r\ncluster_current_epoch:0\r\ncluster_my_epoch:0",
      "CLUSTER NODES": alone,
      "CLUSTER MYID": nodeId(by),
      DBSIZE: 0,
    };
    return { call: async (command: readonly string[]) => replies[command.join(" ")] };
  };
  const found: unknown = { ...of, access: { client } };
  const traffic = await clusterOperations(found as Session).traffic();
  expect(traffic).toMatchObject({ client: "cluster", shards: [{ name: "slots 0-8191" }, { name: "slots 8192-16383" }] });
  const addresses = placed.filter(({ id }) => NODES.includes(id)).map(({ address, port }) => ({ address, port }));
  expect(traffic).toMatchObject({ nodes: addresses });
});
