import { expect, test } from "vitest";
import { atLeast, type DrillInput, defineDrill, expectedOf } from "../../../lib/drill/scenarios/drill.ts";
import { durationMs } from "../../../lib/drill/scenarios/duration.ts";

const own: DrillInput = {
  name: "mine",
  about: "a replica is killed",
  given: { layouts: ["cluster"] },
  fault: [{ do: "fault", fault: "kill", targets: ["its-replica"], for: "2timeout" }],
  expect: "lost=0,gap<timeout",
};
const faults = (change: object): string => {
  try {
    defineDrill({ ...own, ...change });
    return "";
  } catch (error) {
    return (error as { what: string }).what;
  }
};

test("a drill of ten lines is one", () => expect(defineDrill(own)).toEqual({ ...own, kind: "drill" }));

test.each<[string, object, string]>([
  ["a name with blanks", { name: "My drill" }, "`name` is not made of small letters"],
  ["no fault", { fault: undefined }, "`fault` is missing"],
  ["an unknown layout", { given: { layouts: ["clustre"] } }, 'there is no layout "clustre"; did you mean "cluster"?'],
  ["an unknown step", { fault: [{ do: "explode" }] }, "fault[0].do is none of fault, heal"],
  ["a step of Object's own", { fault: [{ do: "constructor" }] }, "fault[0].do is none of"],
  ["a step without its fields", { fault: [{ do: "wait", for: "promoted" }] }, "fault[0].within is missing"],
  ["a time that is none", { fault: [{ do: "pause", for: "soon" }] }, 'fault[0].for "soon" is no time'],
  ["an unknown role", { fault: [{ do: "start", targets: ["mastre"] }] }, 'there is no role "mastre"; did you mean "master"?'],
  ["an expectation that is none", { expect: "lots=0" }, 'there is no figure "lots"'],
  ["no expectation", { expect: undefined }, "`expect` is missing"],
  ["a recovery that is no list", { recover: "up" }, "`recover` is no list of steps"],
])("%s is refused with the reason", (_, change, reason) => expect(faults(change)).toContain(reason));

test("all faults are told at once, also of what is no object", () => {
  expect(faults({ name: "", about: "", expect: "x" }).split(";").length).toBeGreaterThanOrEqual(3);
  expect(() => defineDrill(null as never)).toThrow(expect.objectContaining({ code: "drill.invalid" }));
});

test("of rows each that fits counts, and the last one wins", () => {
  const drill: DrillInput = {
    ...own,
    expect: [
      { expect: "lost=any,failovers=1", why: "asynchronous", source: "docs" },
      { layouts: ["sentinel"], expect: "gap<2timeout", why: "down-after", source: "sentinel.c" },
      { since: "7.0", expect: "lost=0", why: "it waits", source: "redis.conf" },
    ],
  };
  const terms = (layout: "cluster" | "sentinel", version: string) =>
    expectedOf(drill, layout, version).expectations.map(({ text }) => text);
  expect(terms("cluster", "4.0.14")).toEqual(["lost=any", "failovers=1"]);
  expect(terms("sentinel", "6.2.14")).toEqual(["lost=any", "failovers=1", "gap<2timeout"]);
  expect(terms("cluster", "7.0.15")).toEqual(["failovers=1", "lost=0"]);
  expect(expectedOf(drill, "sentinel", "7.2.5").rows.map(({ why }) => why)).toEqual(["asynchronous", "down-after", "it waits"]);
});

test.each([
  ["4.0.14", "4.0", true],
  ["4.0.14", "5.0", false],
  ["7.0.0", "7.0", true],
  ["10.0.1", "7.2", true],
  ["6.2.14", "6.2.15", false],
])("%s is at least %s: %s", (version, least, is) => expect(atLeast(version, least)).toBe(is));

test.each([
  ["500ms", 500],
  ["2s", 2_000],
  ["0.4timeout", 800],
  ["3failover+2timeout+60s", 94_000],
  ["1.5", undefined],
  ["2h", undefined],
  ["", undefined],
])("%s is %s ms", (text, ms) => expect(durationMs(text, { timeoutMs: 2_000, failoverMs: 10_000 })).toBe(ms));
