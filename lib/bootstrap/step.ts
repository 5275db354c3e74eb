import type { Emit } from "../base/events.ts";
import type { Attempt } from "../base/wait.ts";
import type { CommandResult, Connection, RunOptions } from "../connection/connection.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import type { AppliedRecord } from "./applied-record.ts";
import type { BuildPool } from "./build-pool.ts";
import { commandFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import type { Change, StepName } from "./plan.ts";
import type { HostWanted } from "./wanted.ts";

/** What a step may use while it applies. */
export interface StepContext {
  readonly facts: HostFacts;
  readonly wanted: HostWanted;
  readonly emit: Emit;
  readonly builds: BuildPool;
  readonly applied: AppliedRecord;
  /** One look whether an instance answers on its real address and has loaded its data. */
  readonly ready: (instance: PlacedInstance) => Promise<Attempt<unknown>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Step {
  readonly name: StepName;
  /** Why a target that does not manage hosts has no such step; undefined for the steps that every target has. */
  readonly notApplicable: string | undefined;
  /** What would be changed. Pure. */
  check(facts: HostFacts, wanted: HostWanted): readonly Change[];
  /** Makes the changes; each can be made again. `changes` is never empty. */
  apply(connection: Connection, changes: readonly Change[], context: StepContext): Promise<void>;
}

/** Runs as root and throws `bootstrap.command-failed` with the last lines when the command failed. */
export async function runOrFail(
  connection: Connection,
  step: StepName,
  script: string,
  options: Omit<RunOptions, "root">,
): Promise<CommandResult> {
  const result = await connection.run(script, { ...options, root: true });
  if (result.exitCode !== 0) throw commandFailed(connection.host, step, result);
  return result;
}

/** Why steps of managed hosts are left out elsewhere. */
export const CALLERS_COMPUTER = "this target leaves the system as it is";
