import { TARGET_NAMES } from "../lab/targets.ts";
import { longName, type OptionRow } from "./parameters.ts";
import type { Verb, VerbFamily } from "./verb.ts";

/** Names in a labs file. */
export interface CompletionNames {
  readonly labs: readonly string[];
  /** Hosts of a lab, and its instances as `HOST:PORT`; none for a lab that is not there. */
  readonly hosts: (lab: string) => readonly string[];
  readonly instances: (lab: string) => readonly string[];
  /** Node ids in the running cluster of a lab: it is contacted, so this is asked only where an id is being typed. */
  readonly nodeIds: (lab: string) => Promise<readonly string[]>;
}

type Table = readonly (Verb | VerbFamily)[];

type Kind = "labs" | "hosts" | "instances";

/** What an argument or the value of an option names, by its key in the row of its verb. Whatever is not here is a file, or something of the user's own. */
const NAMED: Readonly<Record<string, Kind>> = {
  lab: "labs",
  host: "hosts",
  instance: "instances",
  node: "instances",
  nodes: "instances",
  master: "instances",
  by: "instances",
  from: "instances",
  to: "instances",
  replicaOf: "instances",
};

/** The beginning of a node id: 40 hexadecimal digits. */
const NODE_ID = /^[0-9a-f]{1,40}$/;

/**
 * What may stand where a command line is being typed. Pure.
 *
 * @param table all verbs
 * @param words after `redis-lab`; the last one is the one that is typed, empty after a blank
 * @param names loaded where a name may stand
 */
export async function completions(
  table: Table,
  words: readonly string[],
  names: () => Promise<CompletionNames>,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? "";
  const found = await candidates(table, words.slice(0, -1), typed, names);
  return [...new Set(found)].filter((word) => word.startsWith(typed));
}

async function candidates(
  table: Table,
  before: readonly string[],
  typed: string,
  names: () => Promise<CompletionNames>,
): Promise<readonly string[]> {
  const [first, ...rest] = before;
  if (first === undefined) return [...table.map(({ name }) => name), ...(typed.startsWith("-") ? ["--help", "--version"] : [])];
  const row = table.find(({ name }) => name === first);
  if (row === undefined) return [];
  if ("start" in row) return ofVerb(row, rest, typed, names);
  const verbs = await row.load();
  const verb = verbs.find(({ name }) => name === rest[0]);
  return verb === undefined ? (rest.length === 0 ? verbs.map(({ name }) => name) : []) : ofVerb(verb, rest.slice(1), typed, names);
}

async function ofVerb(
  verb: Verb,
  before: readonly string[],
  typed: string,
  names: () => Promise<CompletionNames>,
): Promise<readonly string[]> {
  // What stands behind it is the command of a host.
  if (before.includes("--")) return [];
  const options = Object.entries({ ...verb.shared, ...verb.options });
  const optionOf = (word: string) => options.find(([key, { short }]) => word === longName(key) || word === short);
  const positional: string[] = [];
  let open: readonly [key: string, row: OptionRow<unknown>] | undefined;
  for (const word of before) {
    if (open !== undefined) open = undefined;
    else if (word.startsWith("-")) {
      const found = optionOf(word);
      open = found?.[1].value?.startsWith("<") === true ? found : undefined;
    } else positional.push(word);
  }
  if (open !== undefined) return ofOption(open, positional[0], typed, names);
  if (typed.startsWith("-")) return [...options.map(([key]) => longName(key)), ...(verb.json === "none" ? [] : ["--json"]), "--help"];
  const rows = Object.entries(verb.arguments);
  // Of the last argument there may be many.
  const last = rows.at(-1);
  const many = last !== undefined && (last[1].form === "many" || last[1].form === "any") ? last : undefined;
  const [key] = rows[positional.length] ?? many ?? [];
  return key === undefined ? [] : named(key, positional[0], typed, names);
}

async function ofOption(
  [key, row]: readonly [string, OptionRow<unknown>],
  lab: string | undefined,
  typed: string,
  names: () => Promise<CompletionNames>,
) {
  if (key === "target") return TARGET_NAMES;
  return row.choices ?? named(key, lab, typed, names);
}

async function named(
  key: string,
  lab: string | undefined,
  typed: string,
  names: () => Promise<CompletionNames>,
): Promise<readonly string[]> {
  const kind = Object.hasOwn(NAMED, key) ? NAMED[key] : undefined;
  if (kind === undefined) return [];
  const known = await names();
  if (kind === "labs") return known.labs;
  const hosts = known.hosts(lab ?? "");
  if (kind === "hosts") return hosts;
  const found = [...hosts, ...known.instances(lab ?? "")];
  return NODE_ID.test(typed) && !found.some((name) => name.startsWith(typed)) ? known.nodeIds(lab ?? "") : found;
}
