import { expect, test } from "vitest";
import { randomFrom } from "../../../lib/base/random.ts";
import { KEY_SPREADS } from "../../../lib/drill/load/settings.ts";
import { spreadOver } from "../../../lib/drill/load/spread.ts";

const DRAWS = 200_000;

function timesOf(spread: (typeof KEY_SPREADS)[number], count: number): number[] {
  const choose = spreadOver(count, spread);
  const random = randomFrom(7);
  const times = new Array<number>(count).fill(0);
  for (let index = 0; index < DRAWS; index += 1) {
    const place = choose(random());
    times[place] = (times[place] ?? Number.NaN) + 1;
  }
  return times;
}

test("zipf: the n-th of a hundred keys is drawn as often as 1/n^0.99 says, within what chance allows", () => {
  const times = timesOf("zipf", 100);
  const sum = Array.from({ length: 100 }, (_, index) => (index + 1) ** -0.99).reduce((a, b) => a + b);
  for (const place of [0, 1, 9, 49, 99]) {
    const wanted = (DRAWS * (place + 1) ** -0.99) / sum;
    expect(Math.abs((times[place] ?? 0) - wanted), `place ${place}`).toBeLessThan(5 * Math.sqrt(wanted));
  }
});

test("uniform: no key is drawn more often than another, within what chance allows", () => {
  const wanted = DRAWS / 50;
  for (const times of timesOf("uniform", 50)) expect(Math.abs(times - wanted)).toBeLessThan(5 * Math.sqrt(wanted));
});

test("hot: it is always the first", () => {
  expect(timesOf("hot", 50)[0]).toBe(DRAWS);
});

test.each(KEY_SPREADS)("%s stays within the keys at both ends of the random numbers, and with one key", (spread) => {
  for (const count of [1, 2, 1000])
    for (const random of [0, 0.5, 1 - 2 ** -32])
      expect(spreadOver(count, spread)(random)).toSatisfy((place: number) => place >= 0 && place < count);
});
