/** Redis' units of memory (memtoll in util.c), in lower case; it takes them in any. `1k` is 1000, `1kb` is 1024. */
export const MEMORY_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

/** `64mb`, `1k`, `4096`: bytes; undefined for what is not an amount of memory. */
export function memoryBytes(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d+)([a-z]*)$/i.exec(text) ?? [];
  const factor = MEMORY_UNITS[unit.toLowerCase()];
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}
