import type { SlotRange } from "../../lib/redis/types.ts";

/** `0-12,14` as CLUSTER NODES has it; nothing for `none`. */
export function parseRanges(text: string): readonly SlotRange[] {
  if (text === "" || text === "none") return [];
  return text.split(",").map((part) => {
    const [first = "", last = first] = part.split("-");
    return { first: Number(first), last: Number(last) };
  });
}
