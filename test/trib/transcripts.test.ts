import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { CALLS_FROM_OWN_ADDRESS, dial, Lab } from "../cluster/support.ts";
import { startServer, type TestServer } from "../support/redis.ts";
import { agreed, at, call, idOf, removeFolders, serving, shape, trib, uncover } from "./support.ts";
import { ran, recorded } from "./transcript.ts";

// The sequence in which the transcripts were recorded, on seven servers with a password; the states between them are brought about as they were then.

const NAMES = ["m1", "m2", "m3", "r1", "r2", "r3", "s1"] as const;
const SIX = NAMES.slice(0, 6);
let lab: Lab;
let source: TestServer | undefined;
/** Addresses by their number in the recordings. */
let numbers: Map<string, string>;

beforeAll(async () => {
  // From 7.0 on a master without slots becomes a replica by itself, and DEBUG is refused.
  const config = CALLS_FROM_OWN_ADDRESS ? "cluster-allow-replica-migration no\nenable-debug-command local" : "";
  lab = await Lab.start(NAMES, Object.fromEntries(NAMES.map((name) => [name, config])));
  numbers = new Map(NAMES.map((name, index) => [at(lab, name), `<${index + 1}>`]));
});
afterAll(async () => {
  await lab.stop();
  await source?.stop();
  await removeFolders();
});

async function run(argv: readonly string[], answers: readonly string[] = []) {
  const { out, code } = await trib(argv, { answers });
  return ran(out, code, numbers);
}

test("create: too few nodes", async () => {
  expect(await run(["create", "--replicas", "1", ...NAMES.slice(0, 5).map((name) => at(lab, name))])).toEqual(recorded("create-too-few"));
});

test("create", async () => {
  expect(await run(["create", "--replicas", "1", ...SIX.map((name) => at(lab, name))], ["yes"])).toEqual(recorded("create"));
});

test("create: a node that is not empty", async () => {
  expect(await run(["create", "--replicas", "1", ...SIX.map((name) => at(lab, name))])).toEqual(recorded("create-not-empty"));
});

test("info", async () => {
  await serving(lab, SIX);
  for (let index = 1; index <= 300; index += 1) {
    const key = `k:${index}`;
    const owner = keySlot(key) <= 5460 ? "m1" : keySlot(key) <= 10_922 ? "m2" : "m3";
    await call(lab, owner, "SET", key, `value ${index}`);
  }
  expect(await run(["info", at(lab, "m1")])).toEqual(recorded("info"));
});

test("rebalance: nothing to do", async () => {
  expect(await run(["rebalance", at(lab, "m1")])).toEqual(recorded("rebalance-noop"));
});

/** The replicas of the recording, which was made on one host. */
async function arrangeReplicas(): Promise<void> {
  await call(lab, "r2", "CLUSTER", "REPLICATE", await idOf(lab, "m1"));
  await call(lab, "r3", "CLUSTER", "REPLICATE", await idOf(lab, "m2"));
  await call(lab, "r1", "CLUSTER", "REPLICATE", await idOf(lab, "m3"));
  await agreed(lab);
}

test("add-node", async () => {
  await arrangeReplicas();
  expect(await run(["add-node", at(lab, "s1"), at(lab, "m1")])).toEqual(recorded("add-node"));
});

test("set-timeout and call", async () => {
  const { out, code } = await trib(["set-timeout", at(lab, "m1"), "3000"]);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^>>> Reconfiguring node timeout in every cluster node...\n(\*\*\* New timeout set for \S+\n){7}>>> New node timeout set. 7 OK, 0 ERR.\n$/,
  );
  expect(await run(["call", at(lab, "m1"), "config", "get", "cluster-node-timeout"])).toEqual(recorded("call"));
  // No server is to count as failed in what follows.
  await lab.setNodeTimeout(15_000);
});

test("reshard", async () => {
  const target = await idOf(lab, "s1");
  expect(await run(["reshard", "--from", "all", "--to", target, "--slots", "10", "--yes", at(lab, "m1")])).toEqual(recorded("reshard"));
});

test("rebalance", async () => {
  expect((await trib(["rebalance", "--use-empty-masters", at(lab, "m1")])).code).toBe(0);
  const weight = `${await idOf(lab, "s1")}=0`;
  expect(await run(["rebalance", "--weight", weight, "--timeout", "12345", at(lab, "m1")])).toEqual(recorded("rebalance"));
});

test("check", async () => {
  await shape(lab, { m1: "0-5461", m2: "5462-10922", m3: "10923-16383" });
  expect(await run(["check", at(lab, "m1")])).toEqual(recorded("check"));
});

test("check: an open slot", async () => {
  await call(lab, "m2", "CLUSTER", "SETSLOT", "13", "IMPORTING", await idOf(lab, "m1"));
  await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "MIGRATING", await idOf(lab, "m2"));
  // Ours ends with 1 where something was found.
  expect(await run(["check", at(lab, "m1")])).toEqual({ ...recorded("check-open-slot"), code: 1 });
});

test("fix: finishes a move", async () => {
  expect(await run(["fix", at(lab, "m1")])).toEqual(recorded("fix-case1"));
});

test("fix: importing without keys", async () => {
  await call(lab, "m3", "CLUSTER", "SETSLOT", "13", "IMPORTING", await idOf(lab, "m2"));
  expect(await run(["fix", at(lab, "m1")])).toEqual(recorded("fix-importing-only"));
});

test("fix: a slot that nobody covers", async () => {
  await uncover(lab, NAMES, [16_383]);
  const theirs = recorded("fix-uncovered-none");
  const ours = await run(["fix", at(lab, "m1")], ["yes"]);
  expect(ours.lines.slice(0, -1)).toEqual(theirs.lines.slice(0, -1));
  // A replica was chosen there; here it is always a master.
  expect(ours.lines.at(-1)).toMatch(
    /^Fix these slots by covering with a random node\? \(type 'yes' to accept\): >>> Covering slot 16383 with <[1237]>$/,
  );
  expect(ours.code).toBe(0);
});

test("del-node: a node with slots", async () => {
  await shape(lab, { m3: "16383" });
  expect(await run(["del-node", at(lab, "m1"), await idOf(lab, "m3")])).toEqual(recorded("del-node-nonempty"));
});

test("del-node", async () => {
  expect(await run(["del-node", at(lab, "m1"), await idOf(lab, "s1")])).toEqual(recorded("del-node"));
  await lab.kill("s1:6379", { wipe: false });
});

test("add-node: a node that is not empty", async () => {
  // Before 7.0 a master that hears that its last slot is another one's is a replica of that one at once: then it has a copy on its disk.
  await rm(join(lab.servers.get("s1:6379")?.folder ?? "", "dump.rdb"), { force: true });
  await lab.restart("s1:6379", { wiped: false });
  // It comes back empty, as it was reset before it was stopped: so it gets a key.
  expect(await call(lab, "s1", "CLUSTER", "INFO")).toContain("cluster_known_nodes:1");
  await call(lab, "s1", "DEBUG", "POPULATE", "1");
  expect(await run(["add-node", "--slave", at(lab, "s1"), at(lab, "m1")])).toEqual(recorded("add-node-not-empty"));
});

test("add-node as a replica", async () => {
  await call(lab, "s1", "FLUSHALL");
  const master = await idOf(lab, "m1");
  expect(await run(["add-node", "--slave", "--master-id", master, at(lab, "s1"), at(lab, "m1")])).toEqual(recorded("add-node-slave"));
});

test("import", async () => {
  source = await startServer();
  numbers.set(`${source.address}:${source.port}`, "<90>");
  const client = await connectRedis(source, dial, { passwords: [], timeoutMs: 60_000 });
  for (const key of ["k:1", "imp:1", "imp:2", "imp:3"]) await client.call(["SET", key, "from there"]);
  client.close();
  // A key that did not come along is a failure.
  expect(await run(["import", "--from", `${source.address}:${source.port}`, "--copy", at(lab, "m1")])).toEqual({
    ...recorded("import"),
    code: 1,
  });
});

test("help", async () => {
  const { out, code } = await trib(["help"]);
  expect(ran(out, code, new Map())).toEqual(recorded("help"));
});
