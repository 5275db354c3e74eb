import type { KeySpread } from "./settings.ts";

/** Exponent of YCSB: with 100 keys the first gets a fifth of all. */
const ZIPF_EXPONENT = 0.99;

/** Chooses one of `count` things, numbered from 0. @param random in [0, 1) */
export type Choose = (random: number) => number;

const CHOICES: { readonly [K in KeySpread]: (count: number) => Choose } = {
  uniform: (count) => (random) => Math.floor(random * count),
  zipf,
  hot: () => () => 0,
};

export function spreadOver(count: number, spread: KeySpread): Choose {
  return CHOICES[spread](count);
}

/** The thing at place n (from 1) is chosen with a probability that goes with 1/n^0.99. */
function zipf(count: number): Choose {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let place = 0; place < count; place += 1) {
    sum += (place + 1) ** -ZIPF_EXPONENT;
    sums[place] = sum;
  }
  return (random) => {
    const wanted = random * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
