import type { Argument } from "../../redis/types.ts";

/** A value on its way. */
export interface Value {
  readonly key: Buffer;
  readonly dump: Buffer;
  /** When its life ends, on the clock of `performance.now()`; undefined without an end. */
  readonly endsAt: number | undefined;
}

/** The rest of a life in milliseconds, 0 for one without an end; undefined where it is over. */
export function leftOf({ endsAt }: Value, now = performance.now()): number | undefined {
  if (endsAt === undefined) return 0;
  const left = Math.round(endsAt - now);
  return left > 0 ? left : undefined;
}

/** RESTORE with the rest of the life from now on: an absolute end is known from 5.0 on, and needs equal clocks. */
export function restoreWords(value: Value, replace: boolean): readonly Argument[] {
  return ["RESTORE", value.key, leftOf(value) ?? 1, value.dump, ...(replace ? ["REPLACE"] : [])];
}

/** How far two ends of a life may be apart and still be the same, in milliseconds: they are asked for one after the other, and each journey costs time. */
const LIFE_TOLERANCE_MS = 2000;

export function sameLife(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Math.abs(a - b) <= LIFE_TOLERANCE_MS;
}

/** What follows the value in the reply of DUMP: RDB version (two bytes, little endian) and CRC64 (createDumpPayload in cluster.c of 4.0.14). */
const FOOTER = 10;

/** The RDB version in which a value was dumped; undefined for what is not a payload of DUMP. */
export function payloadVersion(dump: Buffer): number | undefined {
  return dump.length > FOOTER ? dump.readUInt16LE(dump.length - FOOTER) : undefined;
}

/** True where two values are the same byte for byte. Values that are not may still be equal: a set is dumped in the order of its server's own hash table. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.subarray(0, -FOOTER).equals(b.subarray(0, -FOOTER));
}
