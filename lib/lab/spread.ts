/** Things to be spread over bins: hosts over hypervisors. All lists but `apart` are by the number of the item. */
export interface SpreadProblem {
  readonly bins: number;
  /** The bin that an item must go into. */
  readonly pins: readonly (number | undefined)[];
  /** Pairs of items that should not share a bin. */
  readonly apart: readonly (readonly [number, number])[];
  /** How many votes an item carries. With three votes or more, what is outside any one bin should be a majority. */
  readonly votes: readonly number[];
}

/** How far a spread is from what is wanted. A pair in one bin is worse than any number of votes. */
export interface SpreadCost {
  /** Pairs that share a bin. */
  readonly pairs: number;
  /** Votes that would have to leave their bins for a majority outside each of them. */
  readonly votes: number;
}

/** Steps of all searches for one problem; some hundred milliseconds at most. Labs of up to seven hosts on three hypervisors never come near it. */
const BUDGET = 30_000;

/**
 * Spreads items over bins at the least cost, evenly where there is a choice. Items come one after the other, and those before keep their bins unless a search finds
 * that the least cost can't be had otherwise: an item that is appended moves no other without need. Pure; the same problem gives the same spread.
 *
 * @returns the bin of each item
 */
export function spread(problem: SpreadProblem): readonly number[] {
  if (problem.bins < 2) return problem.pins.map(() => 0);
  const budget = { left: BUDGET };
  let bins: readonly number[] = [];
  let leastPairs = 0;
  for (const item of problem.pins.keys()) {
    const part = firstItems(problem, item + 1);
    const { bins: next, proven } = place(part, bins, leastPairs, budget);
    bins = next;
    // Pairs never get fewer by a further item; votes may, as more of them may share a bin.
    if (proven) leastPairs = spreadCost(part, bins).pairs;
  }
  return bins;
}

export function spreadCost(problem: SpreadProblem, bins: readonly (number | undefined)[]): SpreadCost {
  const pairs = problem.apart.filter(([one, other]) => bins[one] !== undefined && bins[one] === bins[other]).length;
  const limit = voteLimit(problem);
  return { pairs, votes: votesByBin(problem, bins).reduce((sum, count) => sum + Math.max(0, count - limit), 0) };
}

/** The most votes in a bin that leave a majority outside of it. Below three votes there is nothing to protect. */
export function voteLimit({ votes }: Pick<SpreadProblem, "votes">): number {
  const all = sum(votes);
  return all < 3 ? all : Math.floor((all - 1) / 2);
}

export function votesByBin({ bins: count, votes }: SpreadProblem, bins: readonly (number | undefined)[]): readonly number[] {
  return Array.from({ length: count }, (_, bin) => sum(votes.filter((_votes, item) => bins[item] === bin)));
}

/** Finds a bin for the last item, and moves those before it only where that costs less. */
function place(part: SpreadProblem, before: readonly number[], leastPairs: number, budget: { left: number }): Found {
  const item = before.length;
  const extended = candidates(part, before, item).map((bin) => [...before, bin]);
  const first = cheapest(part, extended);
  const least = lowerBound(part, leastPairs);
  if (compare(spreadCost(part, first), least) <= 0) return { bins: first, proven: true };
  return search(part, first, least, budget);
}

interface Found {
  readonly bins: readonly number[];
  /** No spread costs less. */
  readonly proven: boolean;
}

/** Branch and bound, trying the bins of `start` first: what is found differs from it late rather than early. */
function search(part: SpreadProblem, start: readonly number[], least: SpreadCost, budget: { left: number }): Found {
  let best = start;
  let bestCost = spreadCost(part, start);
  const visit = (bins: readonly number[]): void => {
    if (budget.left <= 0 || compare(bestCost, least) <= 0) return;
    budget.left -= 1;
    const cost = spreadCost(part, bins);
    if (compare(cost, bestCost) >= 0) return;
    if (bins.length === start.length) {
      best = bins;
      bestCost = cost;
      return;
    }
    const usual = start[bins.length];
    const others = candidates(part, bins, bins.length);
    for (const bin of usual !== undefined && others.includes(usual) ? [usual, ...others.filter((other) => other !== usual)] : others)
      visit([...bins, bin]);
  };
  visit([]);
  return { bins: best, proven: budget.left > 0 };
}

/** The bins that an item may go into, the emptiest first: by votes if it carries any, then by items, then by number. */
function candidates(part: SpreadProblem, before: readonly number[], item: number): readonly number[] {
  const pin = part.pins[item];
  if (pin !== undefined) return [pin];
  const votes = votesByBin(part, before);
  const carries = (part.votes[item] ?? 0) > 0;
  const items = (bin: number) => before.filter((other) => other === bin).length;
  return Array.from({ length: part.bins }, (_, bin) => bin).sort(
    (a, b) => (carries ? (votes[a] ?? 0) - (votes[b] ?? 0) : 0) || items(a) - items(b) || a - b,
  );
}

/** A cost below which no spread can be: that of the pinned items alone, and of votes that fit nowhere. */
function lowerBound(part: SpreadProblem, leastPairs: number): SpreadCost {
  const pinned = spreadCost(part, part.pins);
  return { pairs: Math.max(leastPairs, pinned.pairs), votes: Math.max(pinned.votes, sum(part.votes) - part.bins * voteLimit(part)) };
}

function firstItems(problem: SpreadProblem, count: number): SpreadProblem {
  return {
    bins: problem.bins,
    pins: problem.pins.slice(0, count),
    apart: problem.apart.filter((pair) => pair.every((item) => item < count)),
    votes: problem.votes.slice(0, count),
  };
}

function cheapest(part: SpreadProblem, spreads: readonly (readonly number[])[]): readonly number[] {
  return spreads.reduce((best, each) => (compare(spreadCost(part, each), spreadCost(part, best)) < 0 ? each : best));
}

function compare(one: SpreadCost, other: SpreadCost): number {
  return one.pairs - other.pairs || one.votes - other.votes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
