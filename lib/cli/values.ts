import { InvalidArgumentError } from "commander";

// Values of options, from the words of the command line. What is no such value ends as wrong use, before anything is looked at.

type Parse = (text: string) => number;

/** @throws InvalidArgumentError for what is no number */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is no number.`);
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

/** @throws InvalidArgumentError for what is no number above 0 */
export function positive(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError("Give a number above 0.");
  return value;
}

/** `5ms`, `0.5s`, `5`: milliseconds. @throws InvalidArgumentError for what is no time, and for 0 */
export function milliseconds(text: string): number {
  const found = /^(?<value>\d+(\.\d+)?)(?<unit>ms|s)?$/.exec(text)?.groups;
  const value = Number(found?.["value"] ?? 0) * (found?.["unit"] === "s" ? 1000 : 1);
  if (value === 0) throw new InvalidArgumentError(`"${text}" is no time; give for example 5ms.`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, kb: 1024, m: 1e6, mb: 1024 ** 2, g: 1e9, gb: 1024 ** 3 };

/** `10mb`, `512k`, `4096`: bytes, with the units of redis.conf. @throws InvalidArgumentError for what is no amount, and for less than one byte */
export function bytes(text: string): number {
  const found = /^(?<value>\d+(\.\d+)?)(?<unit>k|kb|m|mb|g|gb)?$/i.exec(text)?.groups;
  const value = Number(found?.["value"] ?? 0) * (UNITS[(found?.["unit"] ?? "").toLowerCase()] ?? 1);
  if (value < 1) throw new InvalidArgumentError(`"${text}" is no amount; give for example 10mb.`);
  return value;
}
