import pLimit from "p-limit";

/**
 * Does `fn` for every item, at most `limit` at a time. One that fails does not stop the others; the results come in the order of the items.
 */
export async function allSettledLimited<T, R>(
  items: readonly T[],
  limit: number,
  fn: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const limited = pLimit(limit);
  return Promise.allSettled(items.map((item, index) => limited(async () => fn(item, index))));
}
