import type { Emit, LabEvent } from "../base/events.ts";
import type { Lab } from "../lab/schema.ts";
import type { TargetName } from "../lab/targets.ts";
import type { SessionOptions } from "../operations/session.ts";
import { fillDocument, fillError } from "./invocation.ts";

/** Where a lab is, and how a program follows what is done to it. */
export interface LabOptions {
  /**
   * The folder in which redis-lab keeps, below `.redis-lab`, what it remembers of the lab: its password, its state, and on this computer the hosts themselves. Relative paths in the lab
   * count from it. In the folder of a project the program and the command line speak of the same lab. @default the working folder
   */
  readonly folder?: string | undefined;
  /** `local`, `ssh` or `libvirt`. @default where the lab is up, else `local` */
  readonly target?: TargetName | undefined;
  /** Gets each event while the work is done. Texts of hosts and servers are in it as they came. @default events are dropped */
  readonly onEvent?: ((event: LabEvent) => void) | undefined;
  /** Aborted, it interrupts: what is under way comes to a state from which the same call continues, and the promise is rejected. @default it can't be interrupted */
  readonly signal?: AbortSignal | undefined;
  /** `REDIS_LAB_PASSWORD`, and what ssh, make and the like get. @default that of the process */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** What every operation takes. */
export type EngineOptions = SessionOptions & { readonly now: () => Date };

/**
 * One call of the engine: opens the lab as the command line does, without a labs file, and names it in the commands of results, events and errors.
 *
 * @throws LabError `lab.invalid`, `project.*`, and those of `work`
 */
export async function runOn<Result>(
  definition: Lab,
  { folder = ".", target, onEvent = () => {}, signal, environment = process.env }: LabOptions,
  work: (options: EngineOptions) => Promise<Result>,
): Promise<Result> {
  const [{ defineLab }, { projectOf, provisionersTarget }, { chooseTarget }] = await Promise.all([
    import("../lab/define-lab.ts"),
    import("../project/project.ts"),
    import("../project/state.ts"),
  ]);
  const project = projectOf(defineLab(definition), folder);
  const [lab = definition] = project.labs;
  const invocation = { lab: lab.name };
  const emit: Emit = (event) => onEvent(fillDocument(event, invocation));
  try {
    signal?.throwIfAborted();
    const where = await chooseTarget(project, lab, target ?? provisionersTarget(environment));
    return fillDocument(await work({ project, lab, target: where, environment, emit, signal, now: () => new Date() }), invocation);
  } catch (error) {
    throw fillError(error, invocation);
  }
}
