import type { CommandResult, Connection, RunOptions } from "../../connection/connection.ts";
import { commandFailed } from "../errors.ts";
import type { StepName } from "../plan.ts";

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
