import { keySlot } from "../../cluster/model/slots.ts";
import type { SlotRange } from "../../redis/types.ts";
import type { Traffic } from "./settings.ts";

/** A key to choose: what all keys of its operations begin with, hash tag included. */
export interface BaseKey {
  readonly text: string;
  readonly slot: number;
}

/** All that a load writes begins with it, and nothing else in a lab does. @param id of the load: letters and digits */
export function keyPrefix(id: string): string {
  return `load:${id}:`;
}

/** The keys of each shard, in the order of the shards: as many of each, at least one. */
export function baseKeys(traffic: Traffic, prefix: string, count: number): readonly (readonly BaseKey[])[] {
  const { shards } = traffic;
  const each = Math.max(1, Math.ceil(count / shards.length));
  return shards.map((shard, index) => keysOfShard(prefix, each, "slots" in shard ? shard.slots : undefined, index));
}

function keysOfShard(prefix: string, count: number, slots: readonly SlotRange[] | undefined, index: number): readonly BaseKey[] {
  const keys: BaseKey[] = [];
  const has = (slot: number) => slots === undefined || slots.some(({ first, last }) => slot >= first && slot <= last);
  // A shard may have few slots, or none at all by now: then the search has an end.
  for (let number = 0; keys.length < count && number < count * 1000 + 1_000_000; number += 1) {
    const tag = `${index.toString(36)}-${number.toString(36)}`;
    const slot = keySlot(tag);
    if (has(slot)) keys.push({ text: `${prefix}{${tag}}`, slot });
  }
  return keys;
}

let filling = "";

/** A value of a number: itself, and filled up to a length. */
export function valueText(number: number, size: number): string {
  const text = String(number);
  if (text.length + 1 >= size) return text;
  const left = size - text.length - 1;
  if (filling.length < left) filling = "x".repeat(left);
  return `${text}:${filling.slice(0, left)}`;
}

/** The number of such a value; null for no value and for what is none of a load. */
export function valueNumber(text: string | number | null): number | null {
  const digits = /^-?\d{1,15}(?=$|:)/.exec(String(text ?? ""))?.[0];
  return digits === undefined ? null : Number(digits);
}
