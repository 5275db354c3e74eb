import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Cargo } from "../../cluster/move/cargo.ts";
import { Lab } from "../../cluster/support.ts";
import { at, create, idOf, removeFolders, shape, slotsOf, trib } from "../support.ts";

const BEGINNING = { m1: "0-5460", m2: "5461-10922", m3: "10923-16383" };
let lab: Lab;
let cargo: Cargo;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "s1"]);
  await create(lab, ["m1", "m2", "m3"]);
  expect((await trib(["add-node", at(lab, "s1"), at(lab, "m1")])).code).toBe(0);
  cargo = new Cargo(lab);
  await cargo.load("m1:6379", [0, 1, 2, 3000, 5460], 3);
});
afterEach(() => shape(lab, BEGINNING));
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

const rebalance = (...argv: readonly string[]) => trib(["rebalance", ...argv, at(lab, "m1")]);
/** What follows the check. */
const rest = (out: string) => out.slice(out.indexOf("slots covered.\n") + "slots covered.\n".length);

test("masters without slots take part where it is wanted, and simulated nothing moves", async () => {
  expect(rest((await rebalance()).out)).toBe("*** No rebalancing needed! All nodes are within the 2.0% threshold.\n");
  const simulated = await rebalance("--use-empty-masters", "--simulate");
  expect(rest(simulated.out)).toMatch(
    /^>>> Rebalancing across 4 nodes\. Total weight = 4\n(Moving 136[56] slots from \S+ to \S+\n#{1365,1366}\n){3}$/,
  );
  expect(await slotsOf(lab)).toMatchObject({ ...BEGINNING, s1: "none" });
  const real = await rebalance("--cluster-use-empty-masters", "--timeout", "30000", "--pipeline", "2");
  expect([real.code, rest(real.out)]).toEqual([0, rest(simulated.out)]);
  expect(await cargo.lastingFaults()).toEqual([]);
});

test("weights, in a list or one by one, by the beginning of a node id", async () => {
  const [m1, m2, m3] = await Promise.all(["m1", "m2", "m3"].map((name) => idOf(lab, name)));
  const { code, out } = await rebalance("--verbose", "--cluster-weight", `${m1?.slice(0, 12)}=2`, `${m2}=0.5`, "--weight", `${m3}=0.5`);
  expect(code).toBe(0);
  expect(rest(out)).toMatch(/^>>> Rebalancing across 3 nodes\. Total weight = 3\.0\n(\S+ balance is -?\d+ slots\n){3}Moving /);
  const count = Object.fromEntries(
    Object.entries(await slotsOf(lab)).map(([name, slots]) => [
      name,
      slots.split(",").reduce((sum, range) => {
        const [first = 0, last = first] = range.split("-").map(Number);
        return sum + last - first + 1;
      }, 0),
    ]),
  );
  expect(count).toMatchObject({ m1: 10_922, m2: 2731, m3: 2731 });
  expect(await cargo.lastingFaults()).toEqual([]);
});

describe("refused, with nothing moved", () => {
  afterEach(async () => {
    expect(await slotsOf(lab)).toMatchObject(BEGINNING);
  });

  test("the weight of a node that is unknown, before the cluster is checked", async () => {
    expect(await rebalance("--weight", "nobody=2")).toMatchObject({ code: 1, out: "*** No such master node nobody\n" });
    // The beginning of every id.
    const { code, out } = await rebalance("--weight", "=2");
    expect([code, out]).toEqual([1, "*** No such master node \n"]);
  });

  test.each([["-1"], ["much"], [""]])("the weight %j", async (weight) => {
    const id = await idOf(lab, "m1");
    const { code, out } = await rebalance("--weight", `${id}=${weight}`);
    expect([code, out]).toEqual([1, `[ERR] --weight ${id}=${weight}: a weight of 0 or more is needed.\n`]);
  });

  test("all weights 0", async () => {
    const weights = await Promise.all(["m1", "m2", "m3"].map(async (name) => `${await idOf(lab, name)}=0`));
    const { code, out } = await rebalance("--cluster-weight", ...weights);
    expect([code, rest(out)]).toEqual([1, "*** All masters have the weight 0.\n"]);
  });

  test.each([["0"], ["101"], ["-5"], ["some"]])("--threshold %s", async (threshold) => {
    const { code, out } = await rebalance("--threshold", threshold);
    expect([code, out]).toEqual([1, `[ERR] --threshold ${threshold}: a percentage above 0, up to 100, is needed.\n`]);
  });
});
