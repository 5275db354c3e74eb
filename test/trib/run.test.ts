import { afterAll, beforeAll, expect, test } from "vitest";
import { CALLS_FROM_OWN_ADDRESS, Lab } from "../cluster/support.ts";
import { at, call, create, idOf, removeFolders, slotsOf, trib } from "./support.ts";

const NAMES = ["m1", "m2", "m3"] as const;
let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(NAMES);
  await create(lab, NAMES);
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

test("nodes without a password are asked by the side that has one", async () => {
  for (const name of NAMES) await call(lab, name, "CONFIG", "SET", "requirepass", "");
  for (const environment of [{}, { REDISCLI_AUTH: "of no use here" }]) {
    const argv = ["reshard", "--from", "all", "--to", await idOf(lab, "m1"), "--slots", "2", "--yes", at(lab, "m1")];
    const { code, err } = await trib(argv, { environment });
    expect([code, err]).toEqual([0, ""]);
  }
  for (const name of NAMES) await call(lab, name, "CONFIG", "SET", "requirepass", "a-password-for-tests");
});

/** ACL users are known from Redis 6.0 on. */
test.runIf(CALLS_FROM_OWN_ADDRESS)("an ACL user: keys travel in its name, and what it may not do is named", async () => {
  for (const name of NAMES) {
    await call(lab, name, "ACL", "SETUSER", "ops", "on", ">of-ops", "~*", "&*", "+@all");
    await call(lab, name, "ACL", "SETUSER", "reader", "on", ">of-reader", "~*", "+@read", "+info", "+cluster", "+ping");
  }
  const environment = { REDISCLI_AUTH: "of-ops" };
  const first = Number.parseInt((await slotsOf(lab))["m2"] ?? "", 10);
  const argv = [
    "--user",
    "ops",
    "reshard",
    "--from",
    await idOf(lab, "m2"),
    "--to",
    await idOf(lab, "m1"),
    "--slots",
    "1",
    "--yes",
    at(lab, "m1"),
  ];
  expect(await trib(argv, { environment })).toMatchObject({ code: 0, err: "" });
  expect(Number.parseInt((await slotsOf(lab))["m2"] ?? "", 10)).toBe(first + 1);
  const wrong = await trib(["--user", "nobody", "info", at(lab, "m1")], { environment });
  expect([wrong.code, wrong.out]).toEqual([1, `[ERR] Sorry, can't connect to node ${at(lab, "m1")}\n`]);
  const refused = await trib(["--user", "reader", "set-timeout", at(lab, "m1"), "5000"], { environment: { REDISCLI_AUTH: "of-reader" } });
  expect(refused.code).toBe(1);
  expect(refused.out).toMatch(/ERR setting node-timeot for \S+: NOPERM/);
});

test.each(["m1", "m2"])("a node that is stopped holds up no interruption: asked through %s", async (name) => {
  lab.servers.get("m2:6379")?.process.kill("SIGSTOP");
  const interruption = new AbortController();
  try {
    const running = trib(["call", at(lab, name), "ping"], { signal: interruption.signal });
    interruption.abort();
    const { code, out, err } = await running;
    expect([code, out]).toEqual([130, ""]);
    expect(err).toContain("interrupted");
  } finally {
    lab.servers.get("m2:6379")?.process.kill("SIGCONT");
  }
});
