import type { Connection } from "../connection/connection.ts";
import type { Emit } from "../events.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import type { Look } from "../wait.ts";
import type { AppliedRecord } from "./applied-record.ts";
import type { BuildPool } from "./build-pool.ts";
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
  readonly ready: (instance: PlacedInstance) => Promise<Look<unknown>>;
  readonly signal?: AbortSignal;
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
