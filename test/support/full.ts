/** Whether the widest sweeps run whole (`npm run test:full`, before a release) or as a sample of fixed cases (`npm test`). */
export const FULL = process.env["REDIS_LAB_TEST_FULL"] === "1";

/** All of the cases, or those of the sample. */
export function casesOf<Case extends { readonly sample?: boolean }>(cases: readonly Case[]): readonly Case[] {
  return FULL ? cases : cases.filter(({ sample }) => sample === true);
}
