import { Annotations, type App, DISABLE_STACK_TRACE_IN_METADATA, TerraformStack } from "cdktf";
import { messageOf } from "../lib/base/error.ts";
import { openProject } from "../lib/project/project.ts";
import { LabStack } from "./lab-stack.ts";
import { type PreparedLab, prepareLab } from "./prepare-lab.ts";
import { missingPrerequisites } from "./prerequisites.ts";

export interface LabStacksOptions {
  /** Folder in which, or above which, the labs file is. @default - the working folder, which under cdktf is that of cdktf.json */
  readonly from?: string;
  /** The labs file itself. @default stacks/labs.ts, and what else `redis-lab` looks for */
  readonly labsFile?: string;
}

/**
 * Adds a stack for every lab of a project. A whole `main.ts`:
 *
 * ```ts
 * import { App } from "cdktf";
 * import { addLabStacks } from "redis-lab/stacks";
 *
 * const app = new App();
 * await addLabStacks(app);
 * app.synth();
 * ```
 *
 * What is wrong with the labs does not throw here: it is an annotation, with which `app.synth()` fails, so that cdktf shows it as the error of a lab and not of a program.
 */
export async function addLabStacks(app: App, options: LabStacksOptions = {}): Promise<readonly LabStack[]> {
  // Where in this program a warning was added says nothing about the lab. Once a stack is there, cdktf refuses them.
  if (app.node.children.length === 0) app.node.setContext(DISABLE_STACK_TRACE_IN_METADATA, true);
  const prepared = await prepareProject(options).catch((error: unknown) => refused(app, error));
  const stacks = prepared.map((props) => new LabStack(app, props.lab.name, props));
  for (const [index, stack] of stacks.entries()) {
    const other = stacks.slice(0, index).find(({ backend }) => backend.location === stack.backend.location);
    if (other !== undefined)
      Annotations.of(stack).addError(
        `The labs "${other.node.id}" and "${stack.node.id}" would keep one state: give one other libvirt.backend.settings.`,
      );
  }
  const uris = prepared.flatMap(({ lab }) => lab.libvirt.hypervisors.map(({ uri }) => uri));
  const first = stacks[0];
  if (first !== undefined) for (const missing of missingPrerequisites(uris)) Annotations.of(first).addWarning(missing);
  return stacks;
}

async function prepareProject({ from = process.cwd(), labsFile }: LabStacksOptions): Promise<readonly PreparedLab[]> {
  const project = await openProject({ from, labsFile });
  const prepared: PreparedLab[] = [];
  for (const lab of project.labs) prepared.push(await prepareLab(project, lab));
  return prepared;
}

/** An annotation needs a stack. Known by its name: the labs file may have been loaded with a copy of redis-lab of its own. */
function refused(app: App, error: unknown): readonly PreparedLab[] {
  if (!(error instanceof Error && error.name === "LabError")) throw error;
  Annotations.of(new TerraformStack(app, "labs")).addError(messageOf(error));
  return [];
}
