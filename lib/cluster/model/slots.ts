import { SLOT_COUNT } from "../../redis/constants.ts";
import type { SlotRange } from "../../redis/types.ts";

/** Number of hash slots of a cluster (CLUSTER_SLOTS in cluster.h). */
export { SLOT_COUNT };

/** CRC16 in its XMODEM form (polynomial 0x1021, start 0, no reflection), as the appendix of the Redis Cluster specification has it. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

/** The slot of a key. Only the part between the first `{` and the next `}` counts, unless it is empty (keyHashSlot in cluster.c of 4.0.14). */
export function keySlot(key: string | Uint8Array): number {
  const bytes = typeof key === "string" ? Buffer.from(key) : key;
  const open = bytes.indexOf(0x7b);
  const close = open < 0 ? -1 : bytes.indexOf(0x7d, open + 1);
  return crc16(close > open + 1 ? bytes.subarray(open + 1, close) : bytes) % SLOT_COUNT;
}

/**
 * One contiguous range per master, in order, rounded by a moving cursor as redis-trib does it (alloc_slots of 4.0.14): three masters get 5461, 5462 and 5461 slots.
 *
 * @throws RangeError for less than one master or more masters than slots
 */
export function allocateSlots(masters: number): SlotRange[] {
  if (!Number.isInteger(masters) || masters < 1 || masters > SLOT_COUNT)
    throw new RangeError(`can't share ${SLOT_COUNT} slots among ${masters} masters`);
  const share = SLOT_COUNT / masters;
  const ranges: SlotRange[] = [];
  let first = 0;
  for (let index = 0; index < masters; index += 1) {
    const last = index === masters - 1 ? SLOT_COUNT - 1 : Math.max(first, Math.round(index * share + share - 1));
    ranges.push({ first, last });
    first = last + 1;
  }
  return ranges;
}

/** Every slot of some ranges, in their order. */
export function* eachSlot(ranges: readonly SlotRange[]): Generator<number> {
  for (const { first, last } of ranges) for (let slot = first; slot <= last; slot += 1) yield slot;
}

export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((total, { first, last }) => total + last - first + 1, 0);
}

/** The ranges of those slots for which `has` is true, ascending and joined. */
export function rangesWhere(has: (slot: number) => boolean): SlotRange[] {
  const ranges: SlotRange[] = [];
  let first = -1;
  for (let slot = 0; slot <= SLOT_COUNT; slot += 1) {
    const inside = slot < SLOT_COUNT && has(slot);
    if (inside && first < 0) first = slot;
    if (!inside && first >= 0) {
      ranges.push({ first, last: slot - 1 });
      first = -1;
    }
  }
  return ranges;
}

/** True where both have a slot. */
export function rangesOverlap(a: readonly SlotRange[], b: readonly SlotRange[]): boolean {
  return a.some(({ first, last }) => b.some((other) => first <= other.last && other.first <= last));
}

/** What is in `ranges` and not in `taken`, ascending and joined. */
export function withoutSlots(ranges: readonly SlotRange[], taken: readonly SlotRange[]): SlotRange[] {
  const out = joinRanges(taken);
  const left: SlotRange[] = [];
  let at = 0;
  for (const { first, last } of joinRanges(ranges)) {
    let from = first;
    while ((out[at]?.last ?? SLOT_COUNT) < first) at += 1;
    for (let next = at; (out[next]?.first ?? SLOT_COUNT) <= last; next += 1) {
      const { first: gone, last: until } = out[next] ?? { first: SLOT_COUNT, last: SLOT_COUNT };
      if (from < gone) left.push({ first: from, last: gone - 1 });
      from = Math.max(from, until + 1);
    }
    if (from <= last) left.push({ first: from, last });
  }
  return left;
}

/** The same slots, ascending, each in one range. */
function joinRanges(ranges: readonly SlotRange[]): readonly SlotRange[] {
  const joined: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else joined.push({ first, last });
  }
  return joined;
}

/** True for the same slots, ascending ranges of both. */
export function sameRanges(a: readonly SlotRange[], b: readonly SlotRange[]): boolean {
  return a === b || (a.length === b.length && a.every(({ first, last }, at) => first === b[at]?.first && last === b[at]?.last));
}

/** `0-5460,10923`, or `none`. */
export function formatRanges(ranges: readonly SlotRange[]): string {
  if (ranges.length === 0) return "none";
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
