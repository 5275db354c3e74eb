import { readFileSync } from "node:fs";
import { Argument, Command, Option } from "commander";
import type { Invocation } from "../engine/invocation.ts";
import type { Subject } from "../report/documents.ts";
import { print, say } from "../report/print.ts";
import { type ArgumentRow, longName, type OptionRow, type OptionRows } from "./parameters.ts";
import type { Verb, VerbFamily } from "./verb.ts";
import { VERB_TABLE } from "./verb-table.ts";
import type { WhenInterrupted } from "./when-interrupted.ts";

/** What the process hands to the program. */
export interface ProgramHost {
  readonly signal: AbortSignal;
  readonly exitWith: (code: number) => void;
  /** Called with what an interruption means from now on, before a verb runs. @param invocation undefined where the verb is given no lab */
  readonly running: (interrupted: WhenInterrupted, invocation: Invocation | undefined) => void;
  readonly speaksOf: (subject: Subject) => void;
  /** Whether commander writes what is wrong with a command line to standard error. It throws a CommanderError in any case. */
  readonly complain: boolean;
}

/**
 * The command line, made from the table of verbs. Their code is loaded when they run: `--help` must not wait for SSH, templates or tables.
 *
 * @param argv what it is to read: the verbs of a family are left out where it can't name one
 */
export async function buildProgram(argv: readonly string[], host: ProgramHost): Promise<Command> {
  const program = new Command("redis-lab")
    .description("Redis labs as code: declare hosts and a layout, get a running Redis Cluster or Sentinel lab.")
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text),
      writeErr: (text) => {
        if (host.complain) say(text);
      },
    })
    // The names of the verbs leave 33 of 80 columns: commander gives up below 40, and the terminal then breaks words.
    .configureHelp({ minWidthToWrap: 20 })
    .enablePositionalOptions()
    .showHelpAfterError("(redis-lab --help lists the verbs, redis-lab VERB --help shows examples)")
    .addHelpText(
      "after",
      `
Examples:
  $ redis-lab up cluster                    seven hosts on this computer
  $ redis-lab up cluster --target ssh       the same on real machines
  $ redis-lab plan cluster                  what would change, with diffs
  $ redis-lab status cluster --watch
  $ redis-lab cli cluster redis-38 set greeting hello

Exit codes: 0 done; 1 failed, or a check found something; 2 changes pending
(plan --exit-code); 64 wrong use; 130 interrupted.`,
    );
  const word = argv.find((each) => !each.startsWith("-"));
  for (const row of VERB_TABLE) {
    if ("start" in row) addVerb(program, row, host, { prefix: "", jsonFirst: false });
    else addFamily(program, row, word === row.name || word === "help" ? await row.load() : [], host);
  }
  return program;
}

function addFamily(program: Command, { name, about, examples, note }: VerbFamily, verbs: readonly Verb[], host: ProgramHost): void {
  const family = program
    .command(name)
    .description(about)
    .enablePositionalOptions()
    .addHelpText("after", `${examplesText(examples, "")}\n\n${note}`);
  for (const verb of verbs) addVerb(family, verb, host, { prefix: `${name} `, jsonFirst: true });
}

/** @param place where its examples begin, and whether --json stands before or behind its own options in `--help` */
function addVerb(parent: Command, verb: Verb, host: ProgramHost, place: { readonly prefix: string; readonly jsonFirst: boolean }): void {
  const { name, about, examples, json, passesOn } = verb;
  const command = parent.command(name).description(about).addHelpText("after", examplesText(examples, place.prefix));
  for (const [key, row] of Object.entries(verb.arguments)) command.addArgument(argumentOf(key, row));
  const made = (rows: OptionRows) => Object.entries(rows).map(([key, row]) => optionOf(key, row));
  const [shared, own] = [made(verb.shared), made(verb.options)];
  const asJson =
    json === "none" ? [] : [new Option("--json", typeof json === "string" ? "one JSON document on standard output" : json.about)];
  for (const each of [...shared, ...(place.jsonFirst ? [...asJson, ...own] : [...own, ...asJson])]) command.addOption(each);
  if (passesOn === "all") command.passThroughOptions();
  if (passesOn === "unknown") command.allowUnknownOption();
  command.action(async () => {
    const options: Readonly<Record<string, unknown>> = command.opts();
    const given = Object.fromEntries(Object.keys(verb.arguments).map((key, index) => [key, wordsOf(command.processedArgs[index], verb)]));
    host.running(verb.interrupted, invocationOf(given["lab"], options));
    host.exitWith(
      await verb.start({ signal: host.signal, json: options["json"] === true, table: VERB_TABLE, speaksOf: host.speaksOf }, options, given),
    );
  });
}

function invocationOf(lab: unknown, { labs, target }: Readonly<Record<string, unknown>>): Invocation | undefined {
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return typeof lab === "string" ? { lab, labs: text(labs), target: text(target) } : undefined;
}

/** `ssh LAB HOST -- uptime`: commander hands the separator on. */
function wordsOf(parsed: unknown, { passesOn }: Verb): unknown {
  return passesOn === "all" && Array.isArray(parsed) && parsed[0] === "--" ? parsed.slice(1) : parsed;
}

const FORMS: Readonly<Record<ArgumentRow<unknown>["form"], (name: string) => string>> = {
  one: (name) => `<${name}>`,
  optional: (name) => `[${name}]`,
  many: (name) => `<${name}...>`,
  any: (name) => `[${name}...]`,
};

function argumentOf(name: string, { form, about, parse, byDefault }: ArgumentRow<unknown>): Argument {
  const made = new Argument(FORMS[form](name), about);
  if (byDefault !== undefined) made.default(byDefault);
  return parse === undefined ? made : made.argParser(parse);
}

function optionOf(key: string, { short, value, about, choices, byDefault, shown, required, parse }: OptionRow<unknown>): Option {
  const flags = short === undefined ? longName(key) : `${short}, ${longName(key)}`;
  const made = new Option(value === undefined ? flags : `${flags} ${value}`, about);
  if (choices !== undefined) made.choices(choices);
  if (byDefault !== undefined) made.default(byDefault, shown);
  if (required === true) made.makeOptionMandatory();
  return parse === undefined ? made : made.argParser(parse);
}

function examplesText(examples: readonly string[], prefix: string): string {
  return `\nExamples:\n${examples.map((example) => `  $ redis-lab ${prefix}${example}`).join("\n")}`;
}

function packageVersion(): string {
  // From lib/cli in the sources, from dist/lib/cli in the package: the nearest package.json is ours in both.
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      return String(JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")).version);
    } catch {
      // The other place, then.
    }
  }
  return "unknown";
}
