import { didYouMean } from "../../base/nearest.ts";
import { wrongExpectation } from "../errors.ts";
import { METRIC_NAMES, METRICS, type Metric } from "./metrics.ts";

// `lost=0,outage<2timeout+5s,p99<50ms`: terms that all have to hold. Values are sums; `timeout` is cluster-node-timeout or down-after, `floor` that and one election. `lost=any` lets a figure be what it is.

const OPERATORS = {
  "<=": (value: number, limit: number) => value <= limit,
  ">=": (value: number, limit: number) => value >= limit,
  "!=": (value: number, limit: number) => value !== limit,
  "=": (value: number, limit: number) => value === limit,
  "<": (value: number, limit: number) => value < limit,
  ">": (value: number, limit: number) => value > limit,
} as const;
type Operator = keyof typeof OPERATORS;

interface Addend {
  readonly factor: number;
  readonly of: "one" | "timeout" | "floor";
}

/** One term. */
export interface Expectation {
  /** As it was written. */
  readonly text: string;
  readonly metric: string;
  readonly operator: Operator;
  /** Undefined: any value is right. */
  readonly limit: readonly Addend[] | undefined;
}

/** What times are relative to, in milliseconds. */
export interface Scale {
  readonly timeoutMs: number | undefined;
  readonly floorMs: number | undefined;
}

const UNITS: Readonly<Record<Metric["unit"], Readonly<Record<string, number>>>> = {
  ms: { us: 0.001, ms: 1, s: 1_000, min: 60_000 },
  bytes: { "": 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 },
  count: { "": 1, k: 1_000 },
  ratio: { "": 1 },
};

/** @throws LabError `drill.wrong-expectation` */
export function parseExpectations(text: string): readonly Expectation[] {
  const terms = text.split(",").map((term) => term.trim());
  if (terms.some((term) => term === "")) throw wrongExpectation(text, "a term is empty");
  return terms.map(parseTerm);
}

function parseTerm(text: string): Expectation {
  const {
    name = "",
    operator = "",
    value = "",
  } = /^(?<name>[a-z][a-z0-9.-]*)\s*(?<operator><=|>=|!=|=|<|>)\s*(?<value>\S.*)$/.exec(text)?.groups ?? {};
  if (name === "") throw wrongExpectation(text, "it is not METRIC, one of < <= = != >= >, and a value");
  const metric = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined;
  if (metric === undefined) throw wrongExpectation(text, `there is no figure "${name}"${didYouMean(name, METRIC_NAMES)}`);
  if (value === "any") {
    if (operator !== "=") throw wrongExpectation(text, `"any" stands behind =`);
    return { text, metric: name, operator: "=", limit: undefined };
  }
  const limit = value.split("+").map((part) => addend(part.trim(), metric, text));
  return { text, metric: name, operator: operator as Operator, limit };
}

function addend(part: string, { unit }: Metric, text: string): Addend {
  const { number, word = "" } = /^(?<number>\d+(?:\.\d+)?)?\s*(?<word>[a-z]*)$/.exec(part)?.groups ?? {};
  if (number === undefined && word === "") throw wrongExpectation(text, `"${part}" is no value`);
  if (word === "timeout" || word === "floor") {
    if (unit !== "ms") throw wrongExpectation(text, `"${word}" is a time`);
    return { factor: Number(number ?? 1), of: word };
  }
  const factor = UNITS[unit][word];
  if (number === undefined || factor === undefined)
    throw wrongExpectation(text, `"${part}" has none of the units ${Object.keys(UNITS[unit]).filter(Boolean).join(", ") || "(none)"}`);
  return { factor: Number(number) * factor, of: "one" };
}

/** The limit as a number; undefined where the history does not say what it is relative to. */
export function limitOf({ limit }: Expectation, scale: Scale): number | undefined {
  if (limit === undefined) return undefined;
  let sum = 0;
  for (const { factor, of } of limit) {
    const unit = of === "one" ? 1 : of === "timeout" ? scale.timeoutMs : scale.floorMs;
    if (unit === undefined) return undefined;
    sum += factor * unit;
  }
  return sum;
}

export function holds({ operator }: Expectation, value: number, limit: number): boolean {
  return OPERATORS[operator](value, limit);
}

/** Later terms win over earlier ones of the same figure: what is asked for on the command line over the drill's own. */
export function merged(own: readonly Expectation[], asked: readonly Expectation[]): readonly Expectation[] {
  const named = new Set(asked.map(({ metric }) => metric));
  return [...own.filter(({ metric }) => !named.has(metric)), ...asked];
}
