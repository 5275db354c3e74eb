import { LabError } from "../error.ts";
import { type Placement, placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import { TARGET_NAMES, TARGETS, type TargetName } from "../lab/targets.ts";
import { findLab, openProject, type Project } from "../project/project.ts";
import { isInsideTerraform } from "../project/provisioner.ts";
import { chooseTarget, statePaths } from "../project/state.ts";
import { lineProgress, type Progress, quietProgress } from "../report/progress.ts";

/** Options that every verb has. */
export interface CommonOptions {
  readonly labs?: string;
  readonly target?: string;
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
}

/** @throws LabError `cli.unknown-target`, `project.*` */
export async function openContext(labName: string, options: CommonOptions, signal: AbortSignal): Promise<VerbContext> {
  const named = parseTarget(options.target);
  const project = await openProject({ from: process.cwd(), labsFile: options.labs ?? process.env.REDIS_LAB_LABS });
  const lab = findLab(project, labName);
  return {
    project,
    lab,
    target: await chooseTarget(project, lab, named ?? terraformsTarget(process.env)),
    json: options.json ?? false,
    terminal: process.stdout.isTTY === true && options.json !== true,
    get width() {
      // A terminal that does not know its size says 0.
      return process.stdout.columns || undefined;
    },
    environment: process.env,
    signal,
  };
}

/** The lab as it stands on the target, for verbs that reach no host, and for those that look whether what was typed exists before they reach one. */
export function placementOf({ project, lab, target }: Pick<VerbContext, "project" | "lab" | "target">): Placement {
  return placeLab(lab, { target, ...statePaths(project, lab.name, target) });
}

/** A live display needs this many columns; a terminal that does not know its size says 0. */
const NARROWEST = 30;

/** The display for a verb that changes something: live on a terminal, lines elsewhere, warnings only under `--json`. */
export async function openProgress(context: VerbContext): Promise<Progress> {
  const write = (line: string) => process.stderr.write(`${line}\n`);
  if (context.json) return quietProgress(write);
  if (process.stderr.isTTY !== true || (process.stdout.columns ?? 80) < NARROWEST) return lineProgress(write, () => performance.now());
  const { terminalProgress } = await import("../report/progress-terminal.ts");
  return terminalProgress(
    context.lab.name,
    context.lab.hosts.map(({ name }) => name),
    () => performance.now(),
    context.signal,
  );
}

/** Runs a verb under its display and closes the display whatever happens. */
export async function withProgress<T>(
  context: VerbContext,
  work: (progress: Progress) => Promise<T>,
  failed: (result: T) => boolean = () => false,
): Promise<T> {
  const progress = await openProgress(context);
  try {
    const result = await work(progress);
    await progress.end(failed(result));
    return result;
  } catch (error) {
    await progress.end(true);
    throw error;
  }
}

/** A provisioner means the VMs that Terraform makes, wherever else the lab is up. */
function terraformsTarget(environment: NodeJS.ProcessEnv): TargetName | undefined {
  return isInsideTerraform(environment) ? TARGET_NAMES.find((target) => TARGETS[target].machines === "terraform") : undefined;
}

function parseTarget(name: string | undefined): TargetName | undefined {
  if (name === undefined) return undefined;
  const found = TARGET_NAMES.find((target) => target === name);
  if (found === undefined) {
    throw new LabError({
      code: "cli.unknown-target",
      what: `There is no target "${name}".`,
      next: `Use one of: ${TARGET_NAMES.join(", ")}.`,
    });
  }
  return found;
}

/** A result on standard output: the document under `--json`, the text otherwise. */
export function printResult(context: Pick<VerbContext, "json">, document: unknown, text: string): void {
  process.stdout.write(context.json ? `${JSON.stringify(document, null, 2)}\n` : text === "" ? "" : `${text}\n`);
}
