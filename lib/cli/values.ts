import { InvalidArgumentError } from "commander";
import { MEMORY_UNITS } from "../redis/memory-units.ts";

// Values of options, from the words of the command line. What is not such a value ends as wrong use, before anything is looked at.

type Parse = (text: string) => number;

/** @throws InvalidArgumentError for what is not a number */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
}

/** A whole number. @throws InvalidArgumentError for others, and for less than `least` */
export function whole(least: number): Parse {
  return (text) => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`Give a whole number from ${least} on.`);
    return value;
  };
}

const count = whole(0);

/** A whole number, or `all`. @throws InvalidArgumentError for others */
export function countOrAll(text: string): number | "all" {
  return text === "all" ? text : count(text);
}

/** @throws InvalidArgumentError for what is not a number above 0 */
export function positive(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError("Give a number above 0.");
  return value;
}

/** `1000/s`, `1000`: how often in a second. @throws InvalidArgumentError for what is not a number above 0 */
export function perSecond(text: string): number {
  return positive(text.replace(/\/s$/, ""));
}

/** @throws InvalidArgumentError for what is not a number from 0 to 1 */
export function share(text: string): number {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("Give a number from 0 to 1.");
  return value;
}

/** `5ms`, `0.5s`, `5`: milliseconds. @throws InvalidArgumentError for what is not a time, and for 0 */
export function milliseconds(text: string): number {
  const found = /^(?<value>\d+(\.\d+)?)(?<unit>ms|s)?$/.exec(text)?.groups;
  const value = Number(found?.["value"] ?? 0) * (found?.["unit"] === "s" ? 1000 : 1);
  if (value === 0) throw new InvalidArgumentError(`"${text}" is not a time; give for example 5ms.`);
  return value;
}

const LONG_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `30s`, `2m`, `1h`, `500ms`, `30`: milliseconds, a day at most. @throws InvalidArgumentError for what is not a time, and for 0 */
export function duration(text: string): number {
  const found = /^(?<value>\d+(\.\d+)?)(?<unit>ms|s|m|h)?$/.exec(text)?.groups;
  const value = Number(found?.["value"] ?? 0) * (LONG_UNITS[found?.["unit"] ?? "s"] ?? 0);
  if (value === 0 || value > 86_400_000) throw new InvalidArgumentError(`"${text}" is not a time up to 24h; give for example 30s.`);
  return value;
}

/** `10mb`, `512k`, `4096`: bytes, with the units of redis.conf. @throws InvalidArgumentError for what is not an amount, and for less than one byte */
export function bytes(text: string): number {
  const found = /^(?<value>\d+(\.\d+)?)(?<unit>k|kb|m|mb|g|gb)?$/i.exec(text)?.groups;
  const value = Number(found?.["value"] ?? 0) * (MEMORY_UNITS[(found?.["unit"] ?? "").toLowerCase()] ?? 1);
  if (value < 1) throw new InvalidArgumentError(`"${text}" is not an amount; give for example 10mb.`);
  return value;
}

/** `NODE=NUMBER`: a node and its weight. @throws InvalidArgumentError for others */
export function weight(text: string): readonly [node: string, weight: number] {
  const at = text.lastIndexOf("=");
  const value = Number(text.slice(at + 1));
  if (at < 1 || text.slice(at + 1).trim() === "" || Number.isNaN(value))
    throw new InvalidArgumentError(`"${text}" is not a weight; write NODE=NUMBER, for example redis-18=2.`);
  return [text.slice(0, at), value];
}

/** `NAME=VALUE,VALUE`: a setting and the values that are tried. @throws InvalidArgumentError for others */
export function varied(text: string): { readonly setting: string; readonly values: readonly string[] } {
  const { setting, values } = /^(?<setting>[a-z][a-z0-9-]*)=(?<values>[^,\s]+(?:,[^,\s]+)*)$/.exec(text)?.groups ?? {};
  if (setting === undefined || values === undefined)
    throw new InvalidArgumentError(`"${text}" is not a setting with values; write for example node-timeout=2000,5000.`);
  return { setting, values: values.split(",") };
}

/** `0,3` or `all`: databases of a server. @throws InvalidArgumentError for others */
export function databases(text: string): readonly number[] | "all" {
  return text === "all" ? text : text.split(",").map(count);
}
