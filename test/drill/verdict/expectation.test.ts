import { expect, test } from "vitest";
import { holds, limitOf, merged, parseExpectations } from "../../../lib/drill/verdict/expectation.ts";

const SCALE = { timeoutMs: 2_000, floorMs: 3_000 };
const limit = (text: string) => limitOf(parseExpectations(text)[0]!, SCALE);

test.each([
  ["lost=0", 0],
  ["outage<20s", 20_000],
  ["p99<50ms", 50],
  ["p99.9-before<=1.5ms", 1.5],
  ["gap<2timeout+5s", 9_000],
  ["gap<1.1floor", 3_300],
  ["gap < timeout + 500us", 2_000.5],
  ["resync-bytes<10mb", 10 * 1_048_576],
  ["acknowledged>2k", 2_000],
])("%s is at most %d", (text, expected) => expect(limit(text)).toBeCloseTo(expected, 6));

test.each([
  ["lost=0", 0, true],
  ["lost=0", 1, false],
  ["lost!=0", 1, true],
  ["gap<2s", 2_000, false],
  ["gap<=2s", 2_000, true],
  ["failovers>=1", 1, true],
  ["failovers>1", 1, false],
])("%s of %d holds: %s", (text, value, expected) => {
  expect(holds(parseExpectations(text)[0]!, value, limit(text)!)).toBe(expected);
});

test.each([
  ["", "a term is empty"],
  ["lost=0,", "a term is empty"],
  ["lost", "it is not METRIC"],
  ["lots=0", 'there is no figure "lots"; did you mean "lost"?'],
  ["constructor=0", 'there is no figure "constructor"'],
  ["gap<20", "has none of the units us, ms, s, min"],
  ["lost<2s", "has none of the units k"],
  ["lost<timeout", '"timeout" is a time'],
  ["lost<any", '"any" stands behind ='],
  ["gap<2s+", '"" is no value'],
])("%s is refused: %s", (text, why) => {
  expect(() => parseExpectations(text)).toThrow(
    expect.objectContaining({ code: "drill.wrong-expectation", message: expect.stringContaining(why) }),
  );
});

test("what is asked for wins over the drill's own, figure by figure", () => {
  const all = merged(parseExpectations("lost=any,gap<2s,failovers=1"), parseExpectations("lost=0,p99<9ms"));
  expect(all.map(({ text }) => text)).toEqual(["gap<2s", "failovers=1", "lost=0", "p99<9ms"]);
});

test("a limit that is relative to what the history does not say is none", () => {
  expect(limitOf(parseExpectations("gap<timeout")[0]!, { timeoutMs: undefined, floorMs: undefined })).toBeUndefined();
});
