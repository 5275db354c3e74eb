import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../lib/base/wait.ts";
import { Lab, NODE_TIMEOUT } from "../../cluster/support.ts";
import { nextAddress } from "../../support/redis.ts";
import { at, call, create, idOf, removeFolders, trib } from "../support.ts";

let lab: Lab;
let id: string;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "r1", "r2", "r3"]);
  await create(lab, ["m1", "m2", "m3", "r1", "r2", "r3"], 1);
  id = await idOf(lab, "m1");
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

test("a sound cluster, from any of its nodes", async () => {
  for (const name of ["m1", "r3"]) {
    const { code, out, err } = await trib(["check", at(lab, name)]);
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n")[0]).toBe(`>>> Performing Cluster Check (using node ${at(lab, name)})`);
    expect(out.match(/^[MS]: /gm)?.length).toBe(6);
  }
});

test("verbose", async () => {
  const { out } = await trib(["check", "--verbose", at(lab, "m1")]);
  expect(out.split("\n").slice(0, 6)).toEqual(Array(6).fill(expect.stringMatching(/^Connecting to node \S+: OK$/)));
});

test("colours in an xterm", async () => {
  const { out } = await trib(["check", at(lab, "m1")], { environment: { REDISCLI_AUTH: "a-password-for-tests", TERM: "xterm" } });
  expect(out).toContain("\u001b[32m[OK] All 16384 slots covered.\u001b[0m\n");
});

describe("a node that is missing", () => {
  test("it hangs: named, and the rest is listed all the same", async () => {
    const server = lab.servers.get("r1:6379");
    server?.process.kill("SIGSTOP");
    const { code, out, err } = await trib(["check", at(lab, "m1")]);
    server?.process.kill("SIGCONT");
    expect([code, out.split("\n")[0]]).toEqual([1, `[ERR] Sorry, can't connect to node ${at(lab, "r1")}`]);
    expect(out.match(/^[MS]: /gm)?.length).toBe(5);
    expect(err).toMatch(/did not answer \S+ within 5000 ms/);
  });

  test("it is known to have failed: not worth a word, as in redis-trib; info fails with what it can't count", async () => {
    await lab.setNodeTimeout(NODE_TIMEOUT);
    await lab.kill("r1:6379", { wipe: false });
    await waitFor(
      async () => {
        const failed = / slave,fail /.test(String(await call(lab, "m1", "CLUSTER", "NODES")));
        return failed ? { done: true, value: undefined } : { done: false, missing: "the failure" };
      },
      { what: "the failure to be seen", timeoutMs: 60_000 },
    );
    const { code, out } = await trib(["check", at(lab, "m1")]);
    expect([code, out.match(/^[MS]: /gm)?.length]).toEqual([0, 5]);
    expect((await trib(["info", at(lab, "m1")])).code).toBe(0);
    await lab.restart("r1:6379", { wiped: false });
    await lab.setNodeTimeout(15_000);
  });

  test("it has another password: what is not let in is not counted", async () => {
    await call(lab, "r2", "CONFIG", "SET", "requirepass", "another");
    const { code, out, err } = await trib(["info", at(lab, "m1")]);
    expect(code).toBe(1);
    expect(out).toContain(`[ERR] Sorry, can't connect to node ${at(lab, "r2")}\n`);
    expect(err).toContain(`redis-trib: ${at(lab, "r2")}: Redis at ${at(lab, "r2")} refused the password that it was given.`);
    await call(lab, "r2", "CONFIG", "SET", "requirepass", "a-password-for-tests");
  });
});

test("a node that the one that is asked has forgotten: a node that knows it reports it", async () => {
  await call(lab, "m3", "CLUSTER", "FORGET", id);
  const { code, out } = await trib(["check", at(lab, "m3")]);
  expect([code, out.match(/^[MS]: /gm)?.length]).toEqual([1, 6]);
  expect(out).toContain("[ERR] Nodes don't agree about configuration!\n");
});

test("a node that is asked at an address that the cluster does not know is one node, and called as it was typed", async () => {
  const other = new Lab();
  const [address, second] = [nextAddress(), nextAddress()];
  await other.add("m1", `bind ${address} ${second}`, address);
  for (const name of ["m2", "m3"]) await other.add(name);
  await create(other, ["m1", "m2", "m3"]);
  const { code, out } = await trib(["check", `${second}:6379`]);
  expect(code).toBe(0);
  expect(out).toContain(`(using node ${second}:6379)\nM: `);
  expect([out.match(/^M: /gm)?.length, out.includes(`${address}:6379`)]).toEqual([3, false]);
  // Others are told the address that they know.
  const to = await idOf(other, "m1");
  const moved = await trib(["reshard", "--from", "all", "--to", to, "--slots", "4", "--yes", `${second}:6379`]);
  expect(moved.code).toBe(0);
  await other.stop();
});

test("a lonely node covers nothing", async () => {
  const member = await lab.add("s1", "", nextAddress());
  const { code, out } = await trib(["check", `${member.address}:6379`]);
  expect(code).toBe(1);
  expect(out).toContain("[ERR] Not all 16384 slots are covered by nodes.\n");
});
