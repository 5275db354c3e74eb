/** What redis-lab ends with. Documented in the README; scripts rely on it. */
export const EXIT = {
  done: 0,
  /** Something failed, or a check found a problem. */
  failed: 1,
  /** `plan --exit-code`: changes are pending. */
  pending: 2,
  /** Wrong use: unknown verb, option or lab. */
  usage: 64,
  interrupted: 130,
} as const;
