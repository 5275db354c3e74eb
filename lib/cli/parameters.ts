// Arguments and options of a verb as values. The name of each is its key in the row: `dryRun` is --dry-run.

/** A parameter of a verb. `read` turns what commander hands over, undefined where it was left out, into what the verb gets. */
interface Parameter<Value> {
  /** For `--help`. */
  readonly about: string;
  /** From a word of the command line. @throws InvalidArgumentError */
  readonly parse?: ((text: string, previous: unknown) => unknown) | undefined;
  /** Shown by `--help`, and given to the verb where the parameter is left out. */
  readonly byDefault?: string | number | undefined;
  /** How `--help` writes the default. @default as it is */
  readonly shown?: string | undefined;
  readonly read: (parsed: unknown) => Value;
}

export interface ArgumentRow<Value> extends Parameter<Value> {
  readonly form: "one" | "optional" | "many" | "any";
}

export interface OptionRow<Value> extends Parameter<Value> {
  /** For example `-t`. */
  readonly short?: string | undefined;
  /** What stands behind it, for example `<file>`. @default - a flag */
  readonly value?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly required?: true | undefined;
}

export type ArgumentRows = Readonly<Record<string, ArgumentRow<unknown>>>;
export type OptionRows = Readonly<Record<string, OptionRow<unknown>>>;
/** What a verb gets of its rows. */
export type ValuesOf<Rows extends ArgumentRows | OptionRows> = {
  readonly [Name in keyof Rows]: Rows[Name] extends Parameter<infer Value> ? Value : never;
};

/** Commander returns what `parse` returned, the default, or undefined: it knows no types. */
const asParsed = <Value>(parsed: unknown): Value => parsed as Value;
const strings = (parsed: unknown): readonly string[] => asParsed(parsed ?? []);

type Parse<Value> = (text: string) => Value;

export function argument(about: string): ArgumentRow<string>;
export function argument<Value>(about: string, parse: Parse<Value>): ArgumentRow<Value>;
export function argument(about: string, parse?: Parse<unknown>): ArgumentRow<unknown> {
  return { form: "one", about, parse, read: asParsed };
}

export function optionalArgument(about: string): ArgumentRow<string | undefined>;
export function optionalArgument(about: string, byDefault: string): ArgumentRow<string>;
export function optionalArgument(about: string, byDefault?: string): ArgumentRow<string | undefined> {
  return { form: "optional", about, byDefault, read: asParsed };
}

/** One word or more, as the last argument. */
export const manyArguments = (about: string): ArgumentRow<readonly string[]> => ({ form: "many", about, read: strings });

/** Any number of words, as the last argument. */
export const anyArguments = (about: string): ArgumentRow<readonly string[]> => ({ form: "any", about, read: strings });

/** An option without a value. */
export function flag(about: string): OptionRow<boolean> {
  return { about, read: (parsed) => parsed === true };
}

/** An option with a value, for example `<file>`. */
export function option(value: string, about: string): OptionRow<string | undefined>;
export function option<Value>(value: string, about: string, parse: Parse<Value>): OptionRow<Value | undefined>;
export function option<Value extends string | number, Default extends Value>(
  value: string,
  about: string,
  parse: Parse<Value>,
  byDefault: Default,
): OptionRow<Value>;
export function option(value: string, about: string, parse?: Parse<unknown>, byDefault?: string | number): OptionRow<unknown> {
  return { value, about, parse, byDefault, read: asParsed };
}

/** An option that is a time, in milliseconds. */
export function timeOption(about: string, parse: Parse<number>, byDefault: number): OptionRow<number> {
  const shown = byDefault % 1000 === 0 ? `${byDefault / 1000}s` : `${byDefault}ms`;
  return { value: "<time>", about, parse, byDefault, shown, read: asParsed };
}

export function requiredOption(value: string, about: string): OptionRow<string>;
export function requiredOption<Value>(value: string, about: string, parse: Parse<Value>): OptionRow<Value>;
export function requiredOption(value: string, about: string, parse?: Parse<unknown>): OptionRow<unknown> {
  return { value, about, parse, required: true, read: asParsed };
}

/** An option whose value, in brackets, may be left out: then it is `true`. */
export function optionalValue<Value>(value: `[${string}]`, about: string, parse: Parse<Value>): OptionRow<Value | true | undefined> {
  return { value, about, parse, read: asParsed };
}

/** An option that may be given several times, or with several values. */
export function listOption<Value>(value: `<${string}...>`, about: string, parse: Parse<Value>): OptionRow<readonly Value[]> {
  const collect = (text: string, previous: unknown) => [...asParsed<readonly Value[]>(previous ?? []), parse(text)];
  return { value, about, parse: collect, read: (parsed) => asParsed(parsed ?? []) };
}

export function choice<const Values extends readonly string[]>(
  value: string,
  about: string,
  choices: Values,
  byDefault: Values[number],
): OptionRow<Values[number]> {
  return { value, about, choices, byDefault, read: asParsed };
}

/** A choice that may be left out. */
export function optionalChoice<const Values extends readonly string[]>(
  value: string,
  about: string,
  choices: Values,
): OptionRow<Values[number] | undefined> {
  return { value, about, choices, read: asParsed };
}

/** The same row with a letter. */
export const short = <Value>(letter: `-${string}`, row: OptionRow<Value>): OptionRow<Value> => ({ ...row, short: letter });

/** How the command line names an option: `maxKeys` is `--max-keys`. */
export function longName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
