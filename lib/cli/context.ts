import { LabError } from "../base/error.ts";
import type { LabEvent } from "../base/events.ts";
import { plainText } from "../base/terminal-text.ts";
import { fillCommands, fillDocument, type Invocation } from "../engine/invocation.ts";
import { type Placement, placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import { TARGET_NAMES, type TargetName } from "../lab/targets.ts";
import { findLab, openProject, type Project, provisionersTarget } from "../project/project.ts";
import { chooseTarget, statePaths } from "../project/state.ts";
import type { Documents, DocumentVerb, LabResults, Results } from "../report/documents.ts";
import { DOCUMENT_FORMAT } from "../report/format.ts";
import { print, printJson, say } from "../report/print.ts";
import { lineProgress, type Progress, quietProgress } from "../report/progress.ts";
import { wrapLines } from "../report/wrap.ts";

/** Options that every verb has. */
export interface CommonOptions {
  readonly labs?: string | undefined;
  readonly target?: string | undefined;
  readonly json?: boolean;
}

/** What a verb works in: the lab it was given, the target it means, and where its output goes. */
export interface VerbContext {
  readonly project: Project;
  readonly lab: Lab;
  readonly target: TargetName;
  readonly json: boolean;
  /** Standard output is a terminal. */
  readonly terminal: boolean;
  /** Its columns, at this moment. */
  readonly width: number | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** How the lab was named: the commands that are shown say it again. */
  readonly invocation: Invocation;
}

/** The same for a verb that prints a document: of that verb, and no other. */
export interface ReportContext<V extends DocumentVerb> extends VerbContext {
  readonly verb: V;
}

/** @throws LabError `cli.unknown-target`, `project.*` */
export async function openContext<Verb extends string>(
  verb: Verb,
  labName: string,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<VerbContext & { readonly verb: Verb }> {
  const named = parseTarget(options.target);
  const project = await openProject({ from: process.cwd(), labsFile: options.labs ?? process.env.REDIS_LAB_LABS });
  const lab = findLab(project, labName);
  return {
    verb,
    project,
    lab,
    target: await chooseTarget(project, lab, named ?? provisionersTarget(process.env)),
    json: options.json ?? false,
    terminal: process.stdout.isTTY === true && options.json !== true,
    get width() {
      // A terminal that does not know its size says 0.
      return process.stdout.columns || undefined;
    },
    environment: process.env,
    signal,
    invocation: invocationOf(labName, options),
  };
}

/** The lab as it stands on the target, for verbs that reach no host, and for those that look whether what was typed exists before they reach one. */
export function placementOf({ project, lab, target }: Pick<VerbContext, "project" | "lab" | "target">): Placement {
  return placeLab(lab, { target, ...statePaths(project, lab.name, target) });
}

/** A live display needs this many columns; a terminal that does not know its size says 0. */
const NARROWEST = 30;

/** The display for a verb that changes something: live on a terminal, lines elsewhere, warnings only under `--json`. */
export async function openProgress(
  context: VerbContext,
  hosts: readonly string[] = context.lab.hosts.map(({ name }) => name),
): Promise<Progress> {
  const write = (line: string) => say(`${line}\n`);
  if (context.json) return quietProgress(write);
  if (process.stderr.isTTY !== true || (process.stdout.columns ?? 80) < NARROWEST) return lineProgress(write, () => performance.now());
  const { terminalProgress } = await import("../report/progress-terminal.ts");
  return terminalProgress(context.lab.name, hosts, () => performance.now(), context.signal);
}

/** How the lab was named by the options of a verb. */
export function invocationOf(lab: string, { labs, target }: Pick<CommonOptions, "labs" | "target">): Invocation {
  return { lab, labs, target };
}

/** Runs a verb under its display and closes the display whatever happens. */
export async function withProgress<T>(
  context: VerbContext,
  work: (progress: Progress) => Promise<T>,
  failed: (result: T) => boolean = () => false,
  /** @default all hosts of the lab */
  hosts?: readonly string[],
): Promise<T> {
  const progress = await openProgress(context, hosts);
  try {
    const result = await work({ ...progress, emit: (event) => progress.emit(plainEvent(fillDocument(event, context.invocation))) });
    await progress.end(failed(result));
    return result;
  } catch (error) {
    await progress.end(true);
    throw error;
  }
}

/** What an event says is of hosts and servers more often than not. */
function plainEvent(event: LabEvent): LabEvent {
  return event.type === "notice"
    ? { ...event, text: plainText(event.text) }
    : { ...event, ...(event.detail !== undefined && { detail: plainText(event.detail) }) };
}

function parseTarget(name: string | undefined): TargetName | undefined {
  if (name === undefined) return undefined;
  const found = TARGET_NAMES.find((target) => target === name);
  if (found === undefined) {
    throw new LabError({
      code: "cli.unknown-target",
      kind: "usage",
      what: `There is no target "${name}".`,
      next: `Use one of: ${TARGET_NAMES.join(", ")}.`,
    });
  }
  return found;
}

/** Where a result comes from; verbs that are given no lab have none, and without `invocation` what a server or a file holds is printed as it is. */
type ResultContext<V extends DocumentVerb> = {
  readonly verb: V;
  readonly json: boolean;
  /** Columns of the terminal that shows it: what redis-lab says itself is broken at blanks. @default not broken */
  readonly terminal?: boolean;
  readonly width?: number | undefined;
  readonly invocation?: Invocation | undefined;
} & LabelsOf<V>;

type LabelsOf<V extends DocumentVerb> = V extends keyof LabResults
  ? { readonly lab: Pick<Lab, "name">; readonly target: TargetName }
  : unknown;

/** A result on standard output: the document under `--json`, the text otherwise. */
export function printResult<V extends DocumentVerb>(context: ResultContext<V>, document: Results[V], text: string): void {
  const { json, invocation, terminal, width } = context;
  const whole = labelled<V>(document, context);
  const said =
    invocation === undefined
      ? { document: whole, text }
      : {
          document: fillDocument(whole, invocation),
          text: wrapLines(fillCommands(text, invocation), terminal === true ? width : undefined),
        };
  if (json) printJson(said.document, 2);
  else if (text !== "") print(`${said.text}\n`);
}

/** A document with the number of its format, and the lab and target of which it speaks. */
export function labelled<V extends DocumentVerb>(document: Results[V], context: LabelsOf<V>): Documents[V] {
  const { lab, target }: { readonly lab?: Pick<Lab, "name">; readonly target?: TargetName } = context as object;
  const labels = { format: DOCUMENT_FORMAT, ...(lab !== undefined && { lab: lab.name }), ...(target !== undefined && { target }) };
  return { ...labels, ...document } as Documents[V];
}
