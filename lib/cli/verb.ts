import { oneOf } from "../base/list.ts";
import { DEFAULT_TARGET, TARGET_NAMES } from "../lab/targets.ts";
import type { DocumentVerb, Subject } from "../report/documents.ts";
import type { ReportContext, VerbContext } from "./context.ts";
import { type ArgumentRows, argument, type OptionRows, option, short, type ValuesOf } from "./parameters.ts";
import type { WhenInterrupted } from "./when-interrupted.ts";

/** Under which heading the README lists a verb. */
export const VERB_GROUPS = {
  lab: "The lab as a whole",
  hosts: "Hosts and instances",
  experiments: "Experiments",
  files: "What follows from the labs file",
  terraform: "What Terraform runs",
  read: "Reading a cluster",
  change: "Changing a cluster",
  fix: "After an interruption or a fault",
  data: "Bringing keys in and out",
  project: "Plans and projects",
} as const;
export type VerbGroup = keyof typeof VERB_GROUPS;

/** What every verb states. */
interface VerbParts<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string, Command extends string> {
  readonly name: Name;
  /** For `--help` and the README, as the end of "redis-lab NAME: …". */
  readonly about: string;
  readonly group: VerbGroup;
  /** What a first Ctrl-C means to it, and so what is said then. */
  readonly interrupted: WhenInterrupted;
  /** In their order. */
  readonly arguments: Arguments;
  readonly options: Options;
  /** Command lines without `redis-lab`. */
  readonly examples: readonly [string, ...string[]];
  /** What the document of `--json` is, and, where there is more to say, what `--help` says of the option. `none`: the verb does not have the option, and no row in lib/report/documents.ts. */
  readonly json: JsonOf<Command>;
  /** Options of the command line that belong to the command of a host or server: `all` behind the arguments before it, or those that redis-lab does not know. @default none */
  readonly passesOn?: "all" | "unknown";
}

/** What there is to say of a verb's document. */
type Json = string | { readonly document: string; readonly about: string };
type JsonOf<Command extends string> = Command extends DocumentVerb ? Json : "none";

/** What the process hands to a verb that works on no lab, or on one that it finds by itself. */
export interface VerbHost {
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** All of the command line, for a verb that tells of it. */
  readonly table: readonly (Verb | VerbFamily)[];
  /** Called as soon as the lab, and then its target, is known: an error document names them. */
  readonly speaksOf: (subject: Subject) => void;
}

/** What a verb's module exports: its work, returning an exit code. Its context knows the verb, so that it prints the document of that verb alone. */
type LabWork<Command extends string, Options, Arguments> = (
  context: Command extends DocumentVerb ? ReportContext<Command> : VerbContext,
  options: Options,
  given: Arguments,
) => Promise<number>;
type OwnWork<Command extends string, Options, Arguments> = (host: OwnHost<Command>, options: Options, given: Arguments) => Promise<number>;

/** The process, for one verb that is given no lab. */
export type OwnHost<Command extends string> = VerbHost & { readonly verb: Command };

/** A verb of which only the command line is known: its modules are loaded when it runs. */
export interface Verb extends Omit<VerbParts<ArgumentRows, OptionRows, string, string>, "json"> {
  readonly json: Json | "none";
  /** Options that it has in common with others; they stand before its own. */
  readonly shared: OptionRows;
  /** @throws LabError */
  readonly start: (host: VerbHost, options: Readonly<Record<string, unknown>>, given: Readonly<Record<string, unknown>>) => Promise<number>;
}

/** Verbs under a word of their own: `redis-lab NAME VERB …`. */
export interface VerbFamily {
  readonly name: string;
  readonly about: string;
  readonly examples: readonly string[];
  /** Last line of its `--help`. */
  readonly note: string;
  /** Loaded when one of them is asked for: most command lines need none. */
  readonly load: () => Promise<readonly Verb[]>;
}

const LABS = option("<file>", "labs file (default: stacks/labs.ts in this folder or above; REDIS_LAB_LABS)");
const LAB = { lab: argument("name of the lab") };
const LAB_OPTIONS = {
  target: short("-t", option("<target>", `where the lab runs: ${oneOf(TARGET_NAMES)} (default: where it is up, else ${DEFAULT_TARGET})`)),
  labs: LABS,
};
/** For verbs that find their lab by themselves. */
export const LABS_OPTION = { labs: LABS };

/** A verb of a lab: `redis-lab NAME LAB …`. @param load its code, loaded when it runs */
export function labVerb<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string>(
  parts: VerbParts<Arguments, Options, Name, Name>,
  load: () => Promise<LabWork<Name, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return verbOfLab(parts, parts.name, load);
}

/** The same of the family `cluster`: `redis-lab cluster NAME LAB …`. */
export function clusterVerb<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string>(
  parts: VerbParts<Arguments, Options, Name, `cluster ${Name}`>,
  load: () => Promise<LabWork<`cluster ${Name}`, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return verbOfLab(parts, `cluster ${parts.name}`, load);
}

/** The same of the family `drill`. */
export function drillVerb<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string>(
  parts: VerbParts<Arguments, Options, Name, `drill ${Name}`>,
  load: () => Promise<LabWork<`drill ${Name}`, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return verbOfLab(parts, `drill ${parts.name}`, load);
}

/** Of the family `drill`, for what is given histories and no lab. */
export function historyVerb<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string>(
  parts: VerbParts<Arguments, Options, Name, `drill ${Name}`>,
  load: () => Promise<OwnWork<`drill ${Name}`, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return {
    ...parts,
    shared: {},
    start: async (host, options, given) =>
      (await load())({ ...host, verb: `drill ${parts.name}` }, valuesOf(parts.options, options), valuesOf(parts.arguments, given)),
  };
}

function verbOfLab<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string, Command extends string>(
  parts: VerbParts<Arguments, Options, Name, Command>,
  command: Command,
  load: () => Promise<LabWork<Command, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return {
    ...parts,
    arguments: { ...LAB, ...parts.arguments },
    shared: LAB_OPTIONS,
    start: async ({ signal, json, speaksOf }, options, given) => {
      const [{ openContext }, { fillError }, work] = await Promise.all([import("./context.ts"), import("../engine/invocation.ts"), load()]);
      const { lab } = valuesOf(LAB, given);
      speaksOf({ lab });
      const context = await openContext(command, lab, { ...valuesOf(LAB_OPTIONS, options), json }, signal);
      speaksOf({ lab, target: context.target });
      try {
        return await work(context as Parameters<typeof work>[0], valuesOf(parts.options, options), valuesOf(parts.arguments, given));
      } catch (error) {
        throw fillError(error, context.invocation);
      }
    },
  };
}

/** A verb that is not given a lab. @param load its code, loaded when it runs */
export function ownVerb<Arguments extends ArgumentRows, Options extends OptionRows, Name extends string>(
  parts: VerbParts<Arguments, Options, Name, Name>,
  load: () => Promise<OwnWork<Name, ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return {
    ...parts,
    shared: {},
    start: async (host, options, given) =>
      (await load())({ ...host, verb: parts.name }, valuesOf(parts.options, options), valuesOf(parts.arguments, given)),
  };
}

function valuesOf<Rows extends ArgumentRows | OptionRows>(rows: Rows, parsed: Readonly<Record<string, unknown>>): ValuesOf<Rows> {
  return Object.fromEntries(Object.entries(rows).map(([name, { read }]) => [name, read(parsed[name])])) as ValuesOf<Rows>;
}
