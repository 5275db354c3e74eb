import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectRedis } from "../../../lib/redis/client.ts";
import { dial, Lab } from "../../cluster/support.ts";
import { nextAddress, startServer, type TestServer } from "../../support/redis.ts";
import { at, call, create, removeFolders, trib } from "../support.ts";

const SECRET = "of the source alone";
let lab: Lab;
let source: TestServer;
let from: string;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3"]);
  await create(lab, ["m1", "m2", "m3"]);
  source = await startServer({ config: `requirepass "${SECRET}"` });
  from = `${source.address}:${source.port}`;
});
afterEach(async () => {
  for (const name of ["m1", "m2", "m3"]) await call(lab, name, "FLUSHALL");
});
afterAll(async () => {
  await lab.stop();
  await source.stop();
  await removeFolders();
});

async function atSource(...commands: readonly (readonly string[])[]): Promise<unknown[]> {
  const client = await connectRedis(source, dial, { passwords: [SECRET], timeoutMs: 60_000 });
  try {
    return await Promise.all(commands.map((command) => client.call(command)));
  } finally {
    client.close();
  }
}

const importing = (...argv: readonly string[]) => trib(["import", ...argv, at(lab, "m1")], { secret: SECRET });

test("keys move, in databases of thousands as well", async () => {
  await atSource(["FLUSHALL"], ...Array.from({ length: 2500 }, (_, index) => ["SET", `key:${index}`, `${index}`]));
  const { code, out } = await importing("--from", from, "--from-askpass");
  expect(code).toBe(0);
  expect(out).toContain("*** Importing 2500 keys from DB 0\n");
  expect(out.match(/^Migrating key:\d+ to \S+: OK$/gm)?.length).toBe(2500);
  expect(await atSource(["DBSIZE"])).toEqual([0]);
  const counts = await Promise.all(["m1", "m2", "m3"].map((name) => call(lab, name, "DBSIZE")));
  expect(counts.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(2500);
});

test("a key that the cluster has is left where it is, or replaced; copied keys stay", async () => {
  await call(lab, "m3", "SET", "a", "of the cluster");
  await atSource(["FLUSHALL"], ["SET", "a", "of the source"]);
  const kept = await importing("--from", from, "--from-askpass", "--copy");
  expect(kept.code).toBe(1);
  expect(kept.out).toContain(
    `Migrating a to ${at(lab, "m3")}: ERR Target instance replied with error: BUSYKEY Target key name already exists.\n`,
  );
  const replaced = await importing("--cluster-from", from, "--from-pass", SECRET, "--no-auth-warning", "--copy", "--replace");
  expect([replaced.code, replaced.err]).toEqual([0, ""]);
  expect(await call(lab, "m3", "GET", "a")).toBe("of the source");
  expect(await atSource(["GET", "a"])).toEqual(["of the source"]);
});

describe("refused", () => {
  const last = (out: string) => out.split("\n").at(-2);

  test("a source that asks for a password, or gets a wrong one", async () => {
    const none = await importing("--from", from);
    expect([none.code, last(none.out)]).toEqual([1, `[ERR] Sorry, can't connect to node ${from}`]);
    expect(none.err).toContain("--from-password-file FILE");
    const wrong = await importing("--from", from, "--from-pass", "wrong");
    expect([wrong.code, last(wrong.out)]).toEqual([1, `[ERR] Sorry, can't connect to node ${from}`]);
    expect(wrong.err).toContain("refused the password that it was given");
  });

  test("a source that is a node of a cluster", async () => {
    const { code, out } = await importing("--from", at(lab, "m2"), "--from-pass", "a-password-for-tests");
    expect([code, last(out)]).toEqual([1, "[ERR] The source node should not be a cluster node."]);
  });

  test("a source that is not there, or no address", async () => {
    const nobody = `${nextAddress()}:6379`;
    expect(last((await importing("--from", nobody)).out)).toBe(`[ERR] Sorry, can't connect to node ${nobody}`);
    expect(last((await importing("--from", "nobody")).out)).toMatch(/^\[ERR\] Invalid --from host\./);
  });

  test("a cluster with an open slot", async () => {
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "MIGRATING", String(await call(lab, "m2", "CLUSTER", "MYID")));
    expect(last((await importing("--from", from)).out)).toBe("*** Please fix your cluster problems before importing");
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "STABLE");
  });
});
