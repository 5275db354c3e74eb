import { describe, expect, test } from "vitest";
import { answered, batchOf, beginJourney, type Journey, questionsOf, type Route, settled } from "../../../lib/cluster/move/journey.ts";
import { RedisReplyError } from "../../../lib/redis/reply-error.ts";
import type { BatchReply } from "../../../lib/redis/types.ts";

const ROUTE: Route = {
  source: { id: "m1:6379", nodeId: "SOURCE" },
  target: { id: "m2:6379", nodeId: "TARGET", address: "10.0.0.2", port: 6379 },
  credentials: { password: "hidden" },
  largestValue: 512 << 20,
  timeoutMs: 60_000,
};
const LIMITS = { keys: 512, bytes: 1 << 20 };
const start = { slot: 7, opened: false, foreign: false, halfSent: false };
const error = (text: string) => new RedisReplyError(text);
const keys = (...names: readonly string[]) => names.map((name) => Buffer.from(name));

/** The commands of a phase in one line each; scripts by their beginning. */
function asked(journey: Journey, route = ROUTE): string[] {
  const { source, target, others } = questionsOf(journey, route, LIMITS);
  const text = (who: string, commands: typeof source) =>
    commands.map((words) => `${who} ${words.map((word) => String(word).slice(0, 16)).join(" ")}`);
  return [...text("source", source), ...text("target", target), ...text("others", others)];
}

function reply(journey: Journey, source: readonly BatchReply[], target: readonly BatchReply[] = [], route = ROUTE): Journey {
  return answered(journey, route, LIMITS, { source, target });
}

describe("the way of a slot", () => {
  test("with few keys: surveyed, opened at the target first, sent, and the owner told to target, source and others", () => {
    let journey = beginJourney(start);
    expect(asked(journey)).toEqual(["source EVAL local keys, sum, 0 7 512", "target CLUSTER COUNTKEYSINSLOT 7"]);
    journey = reply(journey, [[2, 120, 70]], [0]);
    expect(asked(journey)).toEqual(["target CLUSTER SETSLOT 7 IMPORTING SOURCE"]);
    journey = reply(journey, [], ["OK"]);
    expect(asked(journey)).toEqual(["source CLUSTER SETSLOT 7 MIGRATING TARGET", "source CLUSTER GETKEYSINSLOT 7 512"]);
    journey = reply(journey, ["OK", keys("a", "b")]);
    expect(asked(journey)).toEqual(["source MIGRATE 10.0.0.2 6379  0 60000 AUTH hidden KEYS a b", "source CLUSTER GETKEYSINSLOT 7 512"]);
    journey = reply(journey, ["OK", []]);
    expect(asked(journey)).toEqual(["target CLUSTER SETSLOT 7 NODE TARGET"]);
    journey = reply(journey, [], ["OK"]);
    expect(asked(journey)).toEqual(["source CLUSTER SETSLOT 7 NODE TARGET"]);
    journey = reply(journey, ["OK"]);
    expect(asked(journey)).toEqual(["others CLUSTER SETSLOT 7 NODE TARGET"]);
    journey = reply(journey, []);
    expect(journey.outcome).toEqual({ kind: "moved", keys: 2, bytes: 120 });
    expect(asked(journey)).toEqual([]);
  });

  test("one that was opened before: the target is told of its present owner again", () => {
    const journey = reply(beginJourney({ ...start, opened: true }), [[0, 0, 0]], [5]);
    expect(asked(journey)).toEqual(["target CLUSTER SETSLOT 7 NODE SOURCE", "target CLUSTER SETSLOT 7 IMPORTING SOURCE"]);
  });

  test("with more keys than were there before it was opened each is sized", () => {
    let journey = reply(beginJourney(start), [[1, 60, 60]], [0]);
    journey = reply(journey, [], ["OK"]);
    journey = reply(journey, ["OK", keys("a", "b")]);
    expect(asked(journey)).toEqual(["source EVAL local sizes = {} 2 a b"]);
    journey = reply(journey, [[60, 70]]);
    expect(journey.phase).toBe("send");
    // In an open slot a script is refused when one of its keys has gone.
    expect(reply({ ...journey, phase: "size" }, [error("TRYAGAIN Multiple keys request")]).phase).toBe("send");
  });

  test("with much in it every key is sized before it is opened, and large ones travel alone with a time-out that fits", () => {
    const GiB = 1 << 30;
    let journey = reply(beginJourney(start), [[3, GiB, 200 << 20]], [0]);
    expect(asked(journey)).toEqual(["source CLUSTER GETKEYSINSLOT 7 512"]);
    journey = reply(journey, [keys("large", "a", "b")]);
    journey = reply(journey, [[200 << 20, 50, 60]]);
    expect(journey.phase).toBe("import");
    journey = { ...journey, phase: "send", entered: true };
    expect(batchOf(journey, LIMITS).keys).toEqual(keys("large"));
    expect(questionsOf({ ...journey, sizes: [300 << 20, 50, 60] }, ROUTE, LIMITS).source[0]?.[5]).toBe(75_000);
    journey = reply(journey, ["OK"]);
    expect(batchOf(journey, LIMITS).keys).toEqual(keys("a", "b"));
  });

  test("a value that may be too large is measured by the server, and refused before anything is opened", () => {
    const route = { ...ROUTE, largestValue: 1000 };
    let journey = answered(beginJourney(start), route, LIMITS, { source: [[1, 700, 700]], target: [0] });
    journey = answered(journey, route, LIMITS, { source: [keys("big")], target: [] });
    journey = answered(journey, route, LIMITS, { source: [[700]], target: [] });
    expect(asked(journey, route)).toEqual(["source EVAL return #(redis.c 1 big"]);
    expect(answered(journey, route, LIMITS, { source: [900], target: [] }).phase).toBe("import");
    const refused = answered(journey, route, LIMITS, { source: [1200], target: [] });
    expect(refused.outcome).toMatchObject({ kind: "refused", open: false, error: { code: "cluster.value-too-large" } });
  });
});

describe("what goes wrong", () => {
  const sending = { phase: "send", entered: true, isOpen: true, page: keys("a", "b"), small: 2, average: 10 } as const;
  const opened: Journey = { ...beginJourney(start), ...sending };

  test("keys that lie at the target already, before it was opened, stop it", () => {
    expect(reply(beginJourney(start), [[0, 0, 0]], [3]).outcome).toMatchObject({
      kind: "refused",
      open: false,
      error: { code: "cluster.orphans" },
    });
  });

  const MIGRATE = "source MIGRATE 10.0.0.2 6379  0 60000 ";

  test("IOERR: sent again with REPLACE, as the source's value is the newer one; after three times the cluster is looked at again", () => {
    const again = reply(opened, [error("IOERR error or timeout reading to target instance")]);
    expect(asked(again)[0]).toBe(`${MIGRATE}REPLACE AUTH hidden KEYS a b`);
    const third = reply(reply(again, [error("IOERR")]), [error("IOERR")]);
    expect(third.outcome).toMatchObject({ kind: "interrupted", halfSent: true });
  });

  test("IOERR in a slot that others opened: nothing is overwritten that was not compared, however often it is tried", () => {
    const foreign: Journey = { ...opened, ...beginJourney({ ...start, opened: true, foreign: true, halfSent: true }), ...sending };
    const again = reply(foreign, [error("IOERR error or timeout connecting to the client")]);
    expect(asked(again)[0]).toBe(`${MIGRATE}AUTH hidden KEYS a b`);
    const busy = reply(again, [error("ERR Target instance replied with error: BUSYKEY Target key name already exists.")]);
    expect(busy.phase).toBe("busy");
    const compared = settled(busy, 2);
    expect(asked(compared)[0]).toBe(`${MIGRATE}REPLACE AUTH hidden KEYS a b`);
    // What was compared may be sent once more.
    expect(asked(reply(compared, [error("IOERR")]))[0]).toContain("REPLACE");
  });

  test("REPLACE is for the keys that were compared, and for no others that a larger limit would send along or that come later", () => {
    const page: Journey = { ...opened, page: keys("a", "b", "c", "d"), small: 4 };
    const two = { ...LIMITS, keys: 2 };
    const busy = answered(page, ROUTE, two, { source: [error("BUSYKEY")], target: [] });
    const compared = settled(busy, 2);
    expect(asked(compared)).toEqual([`${MIGRATE}REPLACE AUTH hidden KEYS a b`]);
    expect(asked(reply(compared, ["OK"]))[0]).toBe(`${MIGRATE}AUTH hidden KEYS c d`);
    const next = answered(compared, ROUTE, two, { source: ["OK"], target: [] });
    const last = answered(next, ROUTE, two, { source: ["OK", keys("e")], target: [] });
    expect(asked({ ...last, phase: "send" })[0]).toBe(`${MIGRATE}AUTH hidden KEYS e`);
  });

  test("BUSYKEY waits for a decision, then the source's values go over those of the target", () => {
    const busy = reply(opened, [error("ERR Target instance replied with error: BUSYKEY Target key name already exists.")]);
    expect([busy.phase, asked(busy)]).toEqual(["busy", []]);
    expect(asked(settled(busy, 2))[0]).toContain("REPLACE");
  });

  test.each([
    ["ERR Target instance replied with error: LOADING Redis is loading the dataset in memory", "interrupted"],
    ["ERR Target instance replied with error: CLUSTERDOWN The cluster is down", "interrupted"],
    ["ERR Target instance replied with error: READONLY You can't write against a read only slave.", "interrupted"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "interrupted"],
    ["MOVED 7 10.0.0.3:6379", "interrupted"],
    ["ERR Target instance replied with error: OOM command not allowed when used memory > 'maxmemory'.", "refused"],
    ["ERR Target instance replied with error: NOAUTH Authentication required.", "refused"],
    ["NOPERM this user has no permissions", "refused"],
  ])("MIGRATE answered with %s: %s", (text, kind) => {
    expect(reply(opened, [error(text)]).outcome).toMatchObject({ kind });
  });

  test.each([
    ["import", "ERR I'm already the owner of hash slot 7", "interrupted"],
    ["import", "ERR I don't know about node SOURCE", "interrupted"],
    ["import", "NOPERM", "refused"],
  ] as const)("SETSLOT in phase %s answered with %s: %s", (phase, text, kind) => {
    expect(reply({ ...opened, phase }, [], [error(text)]).outcome).toMatchObject({ kind });
  });

  test("a source that has not heard of the target's election is told again", () => {
    const told = reply({ ...opened, phase: "close-source" }, [error("ERR Target node is not a master")]);
    expect(told.outcome).toMatchObject({ kind: "interrupted" });
  });

  test("a source that has become a replica by giving its last slot away is not a fault (issue 9223 of redis)", () => {
    expect(reply({ ...opened, phase: "close-source" }, [error("ERR Please use SETSLOT only with masters.")]).phase).toBe("tell");
  });
});
