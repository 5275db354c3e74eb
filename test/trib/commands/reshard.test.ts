import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Cargo } from "../../cluster/move/cargo.ts";
import { Lab } from "../../cluster/support.ts";
import { at, call, create, idOf, removeFolders, shape, slotsOf, trib } from "../support.ts";

let lab: Lab;
let ids: { readonly m1: string; readonly m2: string; readonly m3: string; readonly r1: string };
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "r1"]);
  await create(lab, ["m1", "m2", "m3"]);
  expect((await trib(["add-node", "--slave", "--master-id", await idOf(lab, "m1"), at(lab, "r1"), at(lab, "m1")])).code).toBe(0);
  const [m1, m2, m3, r1] = await Promise.all(["m1", "m2", "m3", "r1"].map((name) => idOf(lab, name)));
  ids = { m1: m1 ?? "", m2: m2 ?? "", m3: m3 ?? "", r1: r1 ?? "" };
});
afterEach(() => shape(lab, { m1: "0-5460", m2: "5461-10922", m3: "10923-16383" }));
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

const reshard = (...argv: readonly string[]) => trib(["reshard", ...argv, at(lab, "m1")]);
/** What follows the check. */
const rest = (out: string) => out.slice(out.indexOf("slots covered.\n") + "slots covered.\n".length);
const SLOTS = "How many slots do you want to move (from 1 to 16384)? ";
const TARGET = "What is the receiving node ID? ";
const NOT_A_TARGET = "*** The specified node is not known or not a master, please retry.\n";
const NOT_A_SOURCE = "*** The specified node is not known or is not a master, please retry.\n";
const SOURCES = `Please enter all the source node IDs.
  Type 'all' to use all the nodes as source nodes for the hash slots.
  Type 'done' once you entered all the source nodes IDs.
`;

describe("questions", () => {
  test("asks until it has what it needs, in the words of redis-trib", async () => {
    const answers = ["none", "0", "20000", "2", "nobody", ids.r1, ids.m2, ids.r1, ids.m2, ids.m1, "done", "no"];
    const { code, out } = await trib(["reshard", at(lab, "m1")], { answers });
    const asked = [SLOTS.repeat(4), TARGET, NOT_A_TARGET, TARGET, NOT_A_TARGET, TARGET, SOURCES];
    const sources = [
      "Source node #1:",
      NOT_A_SOURCE,
      "Source node #1:",
      "*** It is not possible to use the target node as source node.\n",
      "Source node #1:",
      "Source node #2:",
    ];
    expect(rest(out).startsWith([...asked, ...sources, "\nReady to move 2 slots.\n"].join(""))).toBe(true);
    expect(out.endsWith("Do you want to proceed with the proposed reshard plan (yes/no)? ")).toBe(true);
    expect(code).toBe(1);
    expect(await slotsOf(lab)).toMatchObject({ m1: "0-5460" });
  });

  test("no source", async () => {
    const { code, out } = await trib(["reshard", "--slots", "2", "--to", ids.m2, at(lab, "m1")], { answers: ["done"] });
    expect([code, rest(out)]).toEqual([1, `${SOURCES}Source node #1:*** No source nodes given, operation aborted\n`]);
  });

  test("the end of standard input ends it, wherever it comes", async () => {
    for (const answers of [[], ["2"], ["2", ids.m2], ["2", ids.m2, ids.m1]])
      expect((await trib(["reshard", at(lab, "m1")], { answers })).out).toMatch(/\*\*\* Aborting\.\.\.\n$/);
    const last = await trib(["reshard", at(lab, "m1")], { answers: ["2", ids.m2, "all"] });
    expect([last.code, (await slotsOf(lab))["m2"]]).toEqual([1, "5461-10922"]);
  });
});

describe("moves", () => {
  test("a dot for each key, in the order of the plan", async () => {
    const cargo = new Cargo(lab);
    await cargo.load("m1:6379", [0, 2], 4);
    await cargo.load("m3:6379", [10_923], 2);
    const { code, out } = await reshard("--from", `${ids.m1},${ids.m3}`, "--to", ids.m2, "--slots", "5", "--yes", "--pipeline", "3");
    const [a, b, c] = ["m1", "m2", "m3"].map((name) => at(lab, name));
    expect(code).toBe(0);
    expect(rest(out).split("Resharding plan:\n")[1]).toBe(`    Moving slot 0 from ${ids.m1}
    Moving slot 1 from ${ids.m1}
    Moving slot 2 from ${ids.m1}
    Moving slot 10923 from ${ids.m3}
    Moving slot 10924 from ${ids.m3}
Moving slot 0 from ${a} to ${b}: ....
Moving slot 1 from ${a} to ${b}: 
Moving slot 2 from ${a} to ${b}: ....
Moving slot 10923 from ${c} to ${b}: ..
Moving slot 10924 from ${c} to ${b}: 
`);
    expect(await cargo.lastingFaults()).toEqual([]);
    for (const name of ["m1", "m2", "m3"]) await call(lab, name, "FLUSHALL");
  });

  test("a key that the target has with another value stops it; with --replace the other value is kept in a file", async () => {
    const key = new Cargo(lab);
    await key.load("m1:6379", [7], 1);
    const name = key.keyIn(7).toString();
    // The target holds another value under the same name, left from a move that was broken off.
    await call(lab, "m2", "CLUSTER", "SETSLOT", "7", "IMPORTING", ids.m1);
    const client = await lab.access.connect("m2:6379");
    await client.callAll([["ASKING"], ["SET", name, "of the target"]]);
    client.close();
    await call(lab, "m1", "CLUSTER", "SETSLOT", "7", "MIGRATING", ids.m2);
    expect(rest((await reshard("--from", ids.m1, "--to", ids.m2, "--slots", "1", "--yes")).out)).toBe(
      "*** Please fix your cluster problems before resharding\n",
    );
    for (const end of ["m1", "m2"]) await call(lab, end, "CLUSTER", "SETSLOT", "7", "STABLE");
    const stopped = await reshard("--from", ids.m1, "--to", ids.m2, "--slots", "8", "--yes");
    expect(stopped.code).toBe(1);
    expect(stopped.out).toMatch(
      /\n\[ERR\] Calling MIGRATE: \S+ already holds 1 key of slot 7, which belongs to \S+\. \d of 8 slots were moved; none is open\.\n$/,
    );
    expect(stopped.err).toContain("Run `redis-trib fix` first");
    const replaced = await reshard("--from", ids.m1, "--to", ids.m2, "--slots", "8", "--yes", "--replace");
    expect(replaced.code).toBe(0);
    expect(replaced.out).toContain("Moving slot 7 from");
    expect(replaced.out).toContain("*** Target key exists. Replacing it.\n");
    expect(replaced.err).toMatch(
      /of slot 7 had another value at \S+; it is not kept there, but saved in \S+\/redis-trib-quarantine\/\S+\.jsonl\.\n$/,
    );
    expect(await key.lastingFaults()).toEqual([]);
    await call(lab, "m2", "FLUSHALL");
  });
});

describe("refused, with nothing moved", () => {
  afterEach(async () => {
    expect(await slotsOf(lab)).toMatchObject({ m1: "0-5460", m2: "5461-10922", m3: "10923-16383" });
  });

  test.each([["0"], ["16385"], ["-1"], ["many"]])("--slots %s", async (slots) => {
    const { code, out } = await reshard("--from", "all", "--to", ids.m2, "--slots", slots, "--yes");
    expect([code, rest(out)]).toEqual([1, `[ERR] --slots ${slots}: a whole number from 1 to 16384 is needed.\n`]);
  });

  test("more slots than the sources own", async () => {
    const { code, out } = await reshard("--from", ids.m1, "--to", ids.m2, "--slots", "6000", "--yes");
    expect([code, rest(out)]).toEqual([1, "*** The sources own 5461 slots, and 6000 are to be moved.\n"]);
  });

  test("a target that is unknown, or a replica", async () => {
    for (const to of ["0123456789", ids.r1]) {
      const { code, out, err } = await reshard("--from", "all", "--to", to, "--slots", "1", "--yes");
      expect([code, rest(out)]).toEqual([1, NOT_A_TARGET]);
      expect(err).toContain(to);
    }
  });

  test("a source that is unknown, and a target among the sources", async () => {
    const unknown = await reshard("--from", `${ids.m1},nobody`, "--to", ids.m2, "--slots", "1", "--yes");
    expect([unknown.code, rest(unknown.out)]).toEqual([1, NOT_A_SOURCE]);
    const both = await reshard("--from", `${ids.m1},${ids.m2}`, "--to", ids.m2, "--slots", "1", "--yes");
    expect([both.code, rest(both.out)]).toEqual([1, "*** Target node is also listed among the source nodes!\n"]);
  });

  test.each([["timeout"], ["pipeline"]])("--%s 0", async (option) => {
    const { code, out } = await reshard(`--${option}`, "0", "--from", "all", "--to", ids.m2, "--slots", "1", "--yes");
    expect([code, out]).toEqual([1, `[ERR] --${option} 0: a whole number from 1 to 2147483647 is needed.\n`]);
  });
});
