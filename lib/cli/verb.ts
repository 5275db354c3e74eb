import { oneOf } from "../base/list.ts";
import { DEFAULT_TARGET, TARGET_NAMES } from "../lab/targets.ts";
import type { Subject } from "../report/error.ts";
import type { VerbContext } from "./context.ts";
import { type ArgumentRows, argument, type OptionRows, option, short, type ValuesOf } from "./parameters.ts";
import type { WhenInterrupted } from "./when-interrupted.ts";

/** Under which heading the README lists a verb. */
export const VERB_GROUPS = {
  lab: "The lab as a whole",
  hosts: "Hosts and instances",
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
interface VerbParts<Arguments extends ArgumentRows, Options extends OptionRows> {
  readonly name: string;
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
  /** What the document of `--json` is, and, where there is more to say, what `--help` says of the option. `none`: the verb does not have the option. */
  readonly json: string | { readonly document: string; readonly about: string } | "none";
  /** Options of the command line that belong to the command of a host or server: `all` behind the arguments before it, or those that redis-lab does not know. @default none */
  readonly passesOn?: "all" | "unknown";
}

/** What the process hands to a verb that works on no lab, or on one that it finds by itself. */
export interface VerbHost {
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** All of the command line, for a verb that tells of it. */
  readonly table: readonly (Verb | VerbFamily)[];
  /** Called as soon as the lab, and then its target, is known: an error document names them. */
  readonly speaksOf: (subject: Subject) => void;
}

/** What a verb's module exports: its work, returning an exit code. */
type LabWork<Options, Arguments> = (context: VerbContext, options: Options, given: Arguments) => Promise<number>;
type OwnWork<Options, Arguments> = (host: VerbHost, options: Options, given: Arguments) => Promise<number>;

/** A verb of which only the command line is known: its modules are loaded when it runs. */
export interface Verb extends VerbParts<ArgumentRows, OptionRows> {
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
export function labVerb<Arguments extends ArgumentRows, Options extends OptionRows>(
  parts: VerbParts<Arguments, Options>,
  load: () => Promise<LabWork<ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return {
    ...parts,
    arguments: { ...LAB, ...parts.arguments },
    shared: LAB_OPTIONS,
    start: async ({ signal, json, speaksOf }, options, given) => {
      const [{ openContext }, { fillError }, work] = await Promise.all([import("./context.ts"), import("./invocation.ts"), load()]);
      const { lab } = valuesOf(LAB, given);
      speaksOf({ lab });
      const context = await openContext(lab, { ...valuesOf(LAB_OPTIONS, options), json }, signal);
      speaksOf({ lab, target: context.target });
      try {
        return await work(context, valuesOf(parts.options, options), valuesOf(parts.arguments, given));
      } catch (error) {
        throw fillError(error, context.invocation);
      }
    },
  };
}

/** A verb that is not given a lab. @param load its code, loaded when it runs */
export function ownVerb<Arguments extends ArgumentRows, Options extends OptionRows>(
  parts: VerbParts<Arguments, Options>,
  load: () => Promise<OwnWork<ValuesOf<Options>, ValuesOf<Arguments>>>,
): Verb {
  return {
    ...parts,
    shared: {},
    start: async (host, options, given) => (await load())(host, valuesOf(parts.options, options), valuesOf(parts.arguments, given)),
  };
}

function valuesOf<Rows extends ArgumentRows | OptionRows>(rows: Rows, parsed: Readonly<Record<string, unknown>>): ValuesOf<Rows> {
  return Object.fromEntries(Object.entries(rows).map(([name, { read }]) => [name, read(parsed[name])])) as ValuesOf<Rows>;
}
