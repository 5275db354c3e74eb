import { COMMANDS, COMMON, type CommandSpec, type OptionShape } from "./options.ts";

/** A command line that was understood. */
export interface Arguments {
  readonly command: CommandSpec;
  readonly words: readonly string[];
  readonly options: Options;
}

/** What was said with `--`. Names without it, and without `cluster-`. */
export interface Options {
  has(name: string): boolean;
  /** The last value that was given. */
  value(name: string): string | undefined;
  values(name: string): readonly string[];
}

/** `help`: with an exit code. `error`: the line that redis-trib says before it exits with 1. */
export type Parsed =
  | { readonly kind: "command"; readonly arguments: Arguments }
  | { readonly kind: "help"; readonly code: number }
  | { readonly kind: "error"; readonly line: string };

/**
 * Reads a command line as redis-trib.rb 4.0.14 does (parse_options, check_arity), and more: options may stand behind the arguments too (but for `call`, whose arguments may look like options), be spelled
 * as those of `redis-cli --cluster`, and be common ones. Pure.
 */
export function parseArguments(argv: readonly string[]): Parsed {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  let command: CommandSpec | undefined;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    const common = COMMON[word];
    if (isTail(command, words) || (common === undefined && !word.startsWith("--"))) {
      if (command !== undefined) {
        words.push(word);
        continue;
      }
      command = COMMANDS.find(({ name }) => name === word.toLowerCase());
      if (command === undefined) return { kind: "error", line: `Unknown redis-trib subcommand '${word}'` };
      continue;
    }
    if (command === undefined && word === "--help") return { kind: "help", code: 0 };
    if (common === undefined && command === undefined) return { kind: "error", line: `Unknown redis-trib subcommand '${word}'` };
    const option = common === undefined ? findOption(word, command) : { name: word.replace(/^-+/, ""), shape: common };
    if (option === undefined) return { kind: "error", line: `Unknown option '${word.slice(2)}' for command '${command?.name}'` };
    const { name, shape } = option;
    const known = given.get(name) ?? [];
    if (shape === "flag") {
      given.set(name, known);
      continue;
    }
    const value = argv[at + 1];
    if (value === undefined) return { kind: "error", line: `Option '${word}' needs a value` };
    at += 1;
    const list = [value];
    // `--cluster-weight n1=w n2=w`, as redis-cli has it.
    while (shape === "values" && isWeight(argv[at + 1])) {
      at += 1;
      list.push(argv[at] ?? "");
    }
    given.set(name, shape === "values" ? [...known, ...list] : list);
  }
  if (command === undefined) return { kind: "help", code: 1 };
  return checked(command, words, given);
}

function checked(command: CommandSpec, words: readonly string[], given: ReadonlyMap<string, readonly string[]>): Parsed {
  for (const [name, shape] of Object.entries(command.options))
    if (shape === "required" && !given.has(name))
      return { kind: "error", line: `Option '--${name}' is required for subcommand '${command.name}'` };
  const count = words.length + 1;
  if (command.arity > 0 ? count !== command.arity : count < -command.arity)
    return { kind: "error", line: "[ERR] Wrong number of arguments for specified sub command" };
  if (command.name === "help") return { kind: "help", code: 0 };
  return {
    kind: "command",
    arguments: {
      command,
      words,
      options: {
        has: (name) => given.has(name),
        value: (name) => given.get(name)?.at(-1),
        values: (name) => given.get(name) ?? [],
      },
    },
  };
}

/** What follows the node of `call` is the command that is called. */
function isTail(command: CommandSpec | undefined, words: readonly string[]): boolean {
  return command?.name === "call" && words.length > 0;
}

function isWeight(word: string | undefined): boolean {
  return word !== undefined && !word.startsWith("-") && word.includes("=");
}

function findOption(word: string, command: CommandSpec | undefined): { readonly name: string; readonly shape: OptionShape } | undefined {
  const known = { ...command?.options, ...command?.more };
  for (const name of [word.slice(2), word.replace(/^--cluster-/, "")]) {
    const shape = known[name];
    if (shape !== undefined) return { name, shape };
  }
  return undefined;
}

/** Values on a command line that nobody else is to see, masked: what a list of processes may show. Pure. */
export function withoutSecrets(argv: readonly string[]): readonly string[] {
  return argv.map((word, index) => (/^(-a|--pass|--(cluster-)?from-pass)$/.test(argv[index - 1] ?? "") ? "***" : word));
}

/** True where a password stands on the command line. */
export function hasSecrets(argv: readonly string[]): boolean {
  return withoutSecrets(argv).some((word, index) => word !== argv[index]);
}
