import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { openSource, selectDatabases } from "../../lib/transfer/source.ts";
import { dial, Lab } from "../cluster/support.ts";
import { overridden } from "../support/client.ts";
import { startServer } from "../support/redis.ts";
import { fill, form, importInto, intercepted, must, startOutside } from "./support.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "s1"]);
  await form(lab);
});
afterAll(() => lab.stop());

describe("a source that is refused before anything is read", () => {
  test("a password that is missing or wrong is named, and not shown", async () => {
    const { server, stop } = await startOutside({ password: "a-secret-of-the-source" });
    await expect(openSource(server, dial)).rejects.toMatchObject({
      code: "cluster.source-password",
      what: `The source ${server.address}:6379 asks for a password, and none was given.`,
    });
    const failed = await openSource({ ...server, password: "a-wrong-secret" }, dial).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "cluster.source-password", what: `The source ${server.address}:6379 refused the password.` });
    expect(String((failed as Error).stack)).not.toContain("a-wrong-secret");
    const client = await openSource({ ...server, password: "a-secret-of-the-source" }, dial);
    await fill(client, 10);
    expect((await importInto(lab, client, { mode: "move" })).report.counts.imported).toBe(10);
    client.close();
    // One that was connected without a password says so too.
    const bare = await connectRedis(server, dial, { passwords: [] });
    await expect(importInto(lab, bare)).rejects.toMatchObject({ code: "cluster.source-password" });
    bare.close();
    await stop();
  });

  test("a user of its own, with and without the rights that it needs", async () => {
    const outside = await startOutside();
    const acl = await outside.client.call(["ACL", "WHOAMI"]).catch(() => undefined);
    if (acl === undefined) return outside.stop(); // 4.0 and 5.0 know no users
    await fill(outside.client, 5, "shown:");
    await fill(outside.client, 5, "hidden:");
    await must(outside.client, [
      ["ACL", "SETUSER", "mover", "on", ">moves", "~*", "+@all"],
      ["ACL", "SETUSER", "peeper", "on", ">peeps", "~shown:*", "+@all"],
      ["ACL", "SETUSER", "idler", "on", ">idles", "~*", "+info"],
    ]);
    const login = (user: string, password: string) => openSource({ ...outside.server, user, password }, dial);
    await expect(login("mover", "wrong")).rejects.toMatchObject({
      what: expect.stringContaining("refused the password of the user mover"),
    });
    const idler = await login("idler", "idles");
    await expect(importInto(lab, idler)).rejects.toMatchObject({ code: "cluster.source-refuses", what: expect.stringContaining("NOPERM") });
    const peeper = await login("peeper", "peeps");
    const { report } = await importInto(lab, peeper, { mode: "move" });
    expect(report.counts).toMatchObject({ imported: 5, refused: 5 });
    await fill(outside.client, 5, "shown:");
    expect((await importInto(lab, peeper, { mode: "copy" })).report.counts).toMatchObject({ same: 5, refused: 5 });
    const mover = await login("mover", "moves");
    expect((await importInto(lab, mover, { mode: "move" })).report.counts).toMatchObject({ imported: 5, same: 5 });
    for (const client of [idler, peeper, mover]) client.close();
    await outside.stop();
  });

  test("a node of this cluster, and one of another", async () => {
    const own = await lab.access.connect("m2:6379");
    await expect(importInto(lab, own)).rejects.toMatchObject({
      code: "cluster.source-is-member",
      what: expect.stringMatching(/^The source 127\.\S+:6379 is m2:6379, a node of this very cluster\./),
    });
    await expect(importInto(lab, own, { clusterSource: "this-node" })).rejects.toMatchObject({ code: "cluster.source-is-member" });
    own.close();
    const other = await startOutside({ config: "cluster-enabled yes\ncluster-node-timeout 2000" });
    await must(other.client, [["CLUSTER", "ADDSLOTS", ...Array.from({ length: 16384 }, (_, slot) => slot)]]);
    await waitFor(
      async () => {
        const [reply] = await other.client.callAll([["SET", "of another cluster", "v"]]);
        return reply === "OK" ? { done: true, value: undefined } : { done: false, missing: String(reply) };
      },
      { what: "a cluster of one", timeoutMs: 60_000 },
    );
    await expect(importInto(lab, other.client)).rejects.toMatchObject({
      code: "cluster.source-is-cluster",
      next: expect.stringMatching(/`backup`, `restore`.*--this-node/),
    });
    await fill(other.client, 40, "node:");
    await fill(other.client, 40, "{one slot}");
    const copied = await importInto(lab, other.client, { clusterSource: "this-node" });
    expect(copied.report.counts.imported).toBe(81);
    const { report } = await importInto(lab, other.client, { clusterSource: "this-node", mode: "move" });
    expect(report.counts.same).toBe(81);
    expect(await other.client.call(["DBSIZE"])).toBe(0);
    await other.stop();
  });

  test("a sentinel", async () => {
    const sentinel = await startServer({ sentinel: true });
    const client = await connectRedis(sentinel, dial, { passwords: [] });
    await expect(importInto(lab, client)).rejects.toMatchObject({ code: "cluster.source-is-sentinel" });
    client.close();
    await sentinel.stop();
  });

  test("a replica can be copied from, and not moved from", async () => {
    const master = await startOutside();
    const replica = await startOutside();
    await fill(master.client, 3, "replicated:");
    // Nothing listens there: it does not get into step while it is looked at.
    await replica.client.call(["SLAVEOF", master.server.address, 6380]);
    await expect(importInto(lab, replica.client)).rejects.toMatchObject({
      code: "cluster.source-loading",
      what: expect.stringMatching(/master/),
    });
    await replica.client.call(["SLAVEOF", master.server.address, master.server.port]);
    await waitFor(
      async () => {
        const keys = await replica.client.call(["DBSIZE"]);
        return keys === 3 ? { done: true, value: undefined } : { done: false, missing: `three keys, not ${keys}` };
      },
      { what: "the replica to be in step", timeoutMs: 60_000 },
    );
    await expect(importInto(lab, replica.client, { mode: "move" })).rejects.toMatchObject({
      code: "cluster.source-is-replica",
      next: `Move from ${master.server.address}:6379, or copy from the replica.`,
    });
    expect((await importInto(lab, replica.client)).report.counts).toMatchObject({ imported: 3 });
    await Promise.all([master.stop(), replica.stop()]);
  });

  test("one that loads its data", async () => {
    const outside = await startOutside();
    // A load long enough to be looked at can't be had in a test: the reply is real, but for one line.
    const loading = overridden(outside.client, {
      call: async (command) => String(await outside.client.call(command)).replace("loading:0", "loading:1"),
    });
    await expect(importInto(lab, loading)).rejects.toMatchObject({
      code: "cluster.source-loading",
      what: expect.stringContaining("is loading its data from disk"),
    });
    await outside.stop();
  });
});

test("a source without MEMORY USAGE or scripts is read in smaller batches", async () => {
  const outside = await startOutside();
  await fill(outside.client, 100, "unsized:");
  let most = 0;
  const source = intercepted(outside.client, async (commands, next) => {
    most = Math.max(most, commands.filter(([name]) => name === "DUMP").length);
    return commands[0]?.[0] === "EVAL" ? [await outside.client.callAll([["NO-SUCH"]]).then(([reply]) => reply ?? null)] : next();
  });
  expect((await importInto(lab, source)).report.counts.imported).toBe(100);
  expect(most).toBe(16);
  await outside.stop();
});

test("a source that goes away is named, with what was imported before", async () => {
  const outside = await startOutside();
  await fill(outside.client, 2000, "lost:");
  let batches = 0;
  const source = intercepted(outside.client, async (commands, next) => {
    if (commands.some(([name]) => name === "DUMP")) batches += 1;
    if (batches === 3) await outside.server.stop({ signal: "SIGKILL" });
    return next();
  });
  await expect(importInto(lab, source, { batchKeys: 100 })).rejects.toMatchObject({
    code: "redis.connection-lost",
    what: expect.stringMatching(/ 2\d\d keys were imported before\.$/),
  });
  await outside.stop();
});

test.each([
  [undefined, [0]],
  ["all", [0, 3]],
  [[3], [3]],
] as const)("databases %j of 0 and 3: %j", (wanted, imported) => {
  const keys = new Map([
    [3, 5],
    [0, 2],
  ]);
  const selected = selectDatabases(keys, wanted);
  expect(selected.map(({ database }) => database)).toEqual([0, 3]);
  expect(selected.filter((each) => each.imported).map(({ database }) => database)).toEqual(imported);
  expect(selectDatabases(new Map())).toEqual([]);
  expect(() => selectDatabases(keys, [0, 7])).toThrow("7 is not a database");
});
