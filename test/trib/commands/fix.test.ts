import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { keySlot } from "../../../lib/cluster/model/slots.ts";
import { Lab } from "../../cluster/support.ts";
import { at, call, create, idOf, removeFolders, slotsOf, trib, uncover } from "../support.ts";

const NAMES = ["m1", "m2", "m3"] as const;
/** Two keys of slot 13, and one of another slot of the first master. */
const [K13, OTHER13, ELSE] = ["a10711", "a15063", "k:7"];
const SLOT = keySlot(ELSE);
let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(NAMES);
});
beforeEach(() => create(lab, NAMES));
afterEach(() => lab.reset());
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

const fix = (answers: readonly string[] = [], ...argv: readonly string[]) => trib(["fix", ...argv, at(lab, "m1")], { answers });
/** What follows the line about open slots. */
const rest = (out: string) => out.slice(out.indexOf(">>> Check for open slots...\n") + ">>> Check for open slots...\n".length);
const COVERED = ">>> Check slots coverage...\n[OK] All 16384 slots covered.\n";

/** A key at a node that does not own its slot, as a move that was broken off leaves it. */
async function orphan(name: string, slot: number, key: string, value: string, owner = "m1"): Promise<void> {
  const client = await lab.access.connect(`${name}:6379`);
  await client.callAll([
    ["CLUSTER", "SETSLOT", slot, "IMPORTING", await idOf(lab, owner)],
    ["ASKING"],
    ["SET", key, value],
    ["CLUSTER", "SETSLOT", slot, "STABLE"],
  ]);
  client.close();
}

test("nothing to do", async () => {
  const { code, out } = await fix();
  expect([code, rest(out)]).toEqual([0, COVERED]);
});

describe("open slots", () => {
  test("keys that lie elsewhere are found and brought to the owner", async () => {
    await call(lab, "m1", "SET", K13, "of the owner");
    await orphan("m3", 13, OTHER13, "elsewhere");
    await call(lab, "m2", "CLUSTER", "SETSLOT", "13", "IMPORTING", await idOf(lab, "m1"));
    const { code, out } = await fix();
    const [m1, m2, m3] = NAMES.map((name) => at(lab, name));
    expect(code).toBe(0);
    expect(rest(out)).toBe(`[WARNING] Node ${m2} has slots in importing state (13).
[WARNING] The following slots are open: 13
>>> Fixing open slot 13
*** Found keys about slot 13 in node ${m3}!
Set as migrating in: 
Set as importing in: ${out.indexOf(` ${m2}\n`) < out.indexOf(` ${m3}\n`) ? `${m2},${m3}` : `${m3},${m2}`}
>>> Moving all the 13 slot keys to its owner ${m1}
Moving slot 13 from ${m3} to ${m1}: .
>>> Setting 13 as STABLE in ${m3}
Moving slot 13 from ${m2} to ${m1}: 
>>> Setting 13 as STABLE in ${m2}
${COVERED}`);
    expect(await call(lab, "m1", "GET", OTHER13)).toBe("elsewhere");
  });

  test("migrating at an owner with keys is closed, where redis-trib gave up", async () => {
    await call(lab, "m1", "SET", K13, "value");
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "MIGRATING", await idOf(lab, "m2"));
    const { code, out } = await fix();
    expect(code).toBe(0);
    expect(rest(out)).toContain(`>>> Fixing open slot 13\nSet as migrating in: ${at(lab, "m1")}\nSet as importing in: \n${COVERED}`);
    expect(await call(lab, "m1", "GET", K13)).toBe("value");
  });

  test("of two values of a key that of the owner is kept, and the other one saved", async () => {
    await call(lab, "m1", "SET", K13, "of the owner");
    await orphan("m2", 13, K13, "of the target");
    await call(lab, "m2", "CLUSTER", "SETSLOT", "13", "IMPORTING", await idOf(lab, "m1"));
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "MIGRATING", await idOf(lab, "m2"));
    const { code, out, err, folder } = await fix();
    expect(code).toBe(0);
    expect(out).toContain(`Moving slot 13 from ${at(lab, "m1")} to ${at(lab, "m2")}: *** Target key exists. Replacing it for FIX.\n.\n`);
    expect(await call(lab, "m2", "GET", K13)).toBe("of the owner");
    expect(err).toContain(`"${K13}" of slot 13 had another value at ${at(lab, "m2")}`);
    const [file = ""] = await readdir(join(folder, "redis-trib-quarantine"));
    const saved = JSON.parse(await readFile(join(folder, "redis-trib-quarantine", file), "utf8"));
    expect(saved).toMatchObject({ slot: 13, text: K13 });
    expect(Buffer.from(saved.dump, "base64").toString("latin1")).toContain("of the target");
  });

  test("many at once, as a move that was killed leaves them", async () => {
    for (let slot = 100; slot < 140; slot += 1) {
      await call(lab, "m2", "CLUSTER", "SETSLOT", String(slot), "IMPORTING", await idOf(lab, "m1"));
      await call(lab, "m1", "CLUSTER", "SETSLOT", String(slot), "MIGRATING", await idOf(lab, "m2"));
    }
    const { code, out } = await fix();
    expect([code, out.match(/^Moving slot 1\d\d from /gm)?.length]).toEqual([0, 40]);
    expect((await slotsOf(lab))["m2"]).toBe("100-139,5461-10922");
  });
});

describe("slots that nobody covers", () => {
  test("three questions, for keys in no node, in one, and in several", async () => {
    await call(lab, "m1", "SET", ELSE, "in one");
    await call(lab, "m1", "SET", K13, "one of");
    await orphan("m2", 13, OTHER13, "two");
    await uncover(lab, NAMES, [13, SLOT, 5000]);
    const [m1, m2] = NAMES.map((name) => at(lab, name));
    const { code, out } = await fix(["yes", "yes", "yes"]);
    expect(code).toBe(0);
    expect(rest(out)).toMatch(
      new RegExp(`^>>> Check slots coverage...
\\[ERR\\] Not all 16384 slots are covered by nodes.
>>> Fixing slots coverage...
List of not covered slots: 13,${SLOT},5000
Slot 13 has keys in 2 nodes: (${m1}, ${m2}|${m2}, ${m1})
Slot ${SLOT} has keys in 1 nodes: ${m1}
Slot 5000 has keys in 0 nodes: 
The folowing uncovered slots have no keys across the cluster:
5000
Fix these slots by covering with a random node\\? \\(type 'yes' to accept\\): >>> Covering slot 5000 with \\S+
The folowing uncovered slots have keys in just one node:
${SLOT}
Fix these slots by covering with those nodes\\? \\(type 'yes' to accept\\): >>> Covering slot ${SLOT} with ${m1}
The folowing uncovered slots have keys in multiple nodes:
13
Fix these slots by moving keys into a single node\\? \\(type 'yes' to accept\\): >>> Covering slot 13 moving keys to (${m1}|${m2})
Moving slot 13 from (${m1}|${m2}) to (${m1}|${m2}): \\.
$`),
    );
    const owner = /moving keys to (\S+)/.exec(out)?.[1] === m1 ? "m1" : "m2";
    expect(await call(lab, owner, "GET", K13)).toBe("one of");
    expect(await call(lab, owner, "GET", OTHER13)).toBe("two");
    expect((await trib(["check", at(lab, "m1")])).code).toBe(0);
  });

  test("declined: the slots stay as they are", async () => {
    await uncover(lab, NAMES, [5000]);
    const { code, out } = await fix(["no"]);
    expect([code, out.endsWith("(type 'yes' to accept): *** Aborting...\n")]).toEqual([1, true]);
    expect((await trib(["check", at(lab, "m1")])).code).toBe(1);
  });

  test("thousands of them are claimed at once", async () => {
    await uncover(
      lab,
      NAMES,
      Array.from({ length: 2000 }, (_, index) => index),
    );
    const { code, out } = await fix(["yes"]);
    expect([code, out.match(/^(Fix these.*)?>>> Covering slot \d+ with /gm)?.length]).toEqual([0, 2000]);
  });
});

describe("masters that can't be asked", () => {
  test("nothing is given to others, unless it is wanted", async () => {
    await lab.kill("m3:6379", { wipe: false });
    const refused = await fix(["yes"]);
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(
      /\n\*\*\* Fixing slots coverage with 1 unreachable masters is dangerous: redis-trib will assume .* use the --fix-with-unreachable-masters option\.\n$/,
    );
    expect(refused.out).not.toContain("Covering slot");
    const wanted = await fix(["yes"], "--cluster-fix-with-unreachable-masters");
    expect(wanted.out.match(/>>> Covering slot \d+ with /g)?.length).toBe(5461);
    const { m1, m2 } = await slotsOf(lab);
    expect(`${m1} ${m2}`).toContain("16383");
    await lab.restart("m3:6379", { wiped: true });
  });
});

describe("slots with several owners", () => {
  test("are looked for only when it is wanted: who holds keys of a slot counts as an owner", async () => {
    await call(lab, "m1", "SET", K13, "of the owner");
    await orphan("m2", 13, OTHER13, "elsewhere");
    expect((await trib(["check", at(lab, "m1")])).code).toBe(0);
    const checked = await trib(["check", "--search-multiple-owners", at(lab, "m1")]);
    expect(checked.code).toBe(1);
    expect(rest(checked.out)).toMatch(
      new RegExp(
        `${COVERED.replace(/[.[\]]/g, "\\$&")}>>> Check for multiple slot owners...\n\\[WARNING\\] Slot 13 has 2 owners:\n {4}${at(lab, "m1")}\n {4}${at(lab, "m2")}\n$`,
      ),
    );
    const { code, out } = await fix([], "--cluster-search-multiple-owners");
    expect(code).toBe(0);
    expect(out).toContain(`>>> Fixing multiple owners for slot 13...
>>> Setting slot 13 owner: ${at(lab, "m1")}
Moving slot 13 from ${at(lab, "m2")} to ${at(lab, "m1")}: .
`);
    expect(await call(lab, "m1", "GET", OTHER13)).toBe("elsewhere");
    expect((await fix([], "--search-multiple-owners")).out).toContain("[OK] No multiple owners found.\n");
  });
});
