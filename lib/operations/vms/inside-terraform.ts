import { isLabError, kindOf, LabError } from "../../base/error.ts";
import type { Emit } from "../../base/events.ts";
import type { Lab } from "../../lab/schema.ts";
import type { TargetName } from "../../lab/targets.ts";
import { withLock } from "../../project/lock.ts";
import type { Project } from "../../project/project.ts";
import { isInsideTerraform } from "../../project/project.ts";
import { statePaths } from "../../project/state.ts";
import { malformedDomains } from "../errors.ts";

// What Terraform's provisioners tell the redis-lab that they run. They run side by side: the leave of one host, that of another, and the bootstrap.

/**
 * Ids of the libvirt domains by host, as Terraform made them; undefined outside of it.
 *
 * @throws LabError `operations.malformed-domains`
 */
export function domainsGiven(environment: NodeJS.ProcessEnv): ReadonlyMap<string, string> | undefined {
  const text = environment["REDIS_LAB_DOMAINS"];
  if (text === undefined || text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformedDomains("it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformedDomains("it is not an object of host → id");
  const entries = Object.entries(value);
  const odd = entries.find(([, id]) => typeof id !== "string" || id === "");
  if (odd !== undefined) throw malformedDomains(`the id of ${odd[0]} is not a text`);
  return new Map(entries.map(([host, id]) => [host, String(id)]));
}

/** The command that goes on after a failed `up`. */
export function continueWith(lab: string, environment: NodeJS.ProcessEnv): string {
  return isInsideTerraform(environment) ? `npx cdktf deploy ${lab} (or: npx redis-lab up ${lab})` : `npx redis-lab up ${lab}`;
}

/** An error that ends a provisioner says how the deploy goes on; and an interruption what Terraform, which is ended by force then, may leave behind. */
export function withNextCommand(
  error: unknown,
  command: string,
  { environment, lab }: { readonly environment: NodeJS.ProcessEnv; readonly lab: Pick<Lab, "name"> },
): unknown {
  if (!isInsideTerraform(environment)) return error;
  if (kindOf(error) === "interrupted")
    return interruptedInside(error, command, lab.name, environment["TERRAFORM_BINARY_NAME"] || "terraform");
  if (!isLabError(error)) return error;
  const { code, kind, what, why, next, cause } = error;
  return new LabError({ code, kind, what, why, next: `${next}\nThen continue: ${command}`, cause });
}

/** Of the backends some lock by a file of the operating system, which frees it, and others by an entry that stays. */
function interruptedInside(cause: unknown, command: string, lab: string, terraform: string): LabError {
  return new LabError({
    code: "operations.interrupted-inside-terraform",
    kind: "interrupted",
    what: "Interrupted.",
    next: `Continue: ${command}\nWhere that says "Error acquiring the state lock" and no other deploy runs: ${terraform} -chdir=cdktf.out/stacks/${lab} force-unlock ID, with the ID of that message.`,
    cause,
  });
}

/** Longest wait for another provisioner, in milliseconds: an `up` that compiles in emulated VMs takes its time. */
const PATIENCE_MS = 30 * 60_000;

/** Runs `work` while holding the lab's lock. Inside Terraform another holder is waited for, elsewhere it is an error. */
export function withLabLock<T>(
  options: {
    readonly project: Project;
    readonly lab: Pick<Lab, "name">;
    readonly target: TargetName;
    readonly environment: NodeJS.ProcessEnv;
    readonly emit: Emit;
    readonly signal?: AbortSignal | undefined;
    readonly now: () => Date;
  },
  verb: string,
  work: () => Promise<T>,
): Promise<T> {
  const { project, lab, target, environment, emit, signal, now } = options;
  const { lockFile } = statePaths(project, lab.name, target);
  const onWait = (holder: string) => emit({ type: "notice", level: "info", text: `waiting for another redis-lab: ${holder}` });
  return withLock(
    lab.name,
    lockFile,
    verb,
    now,
    work,
    isInsideTerraform(environment) ? { timeoutMs: PATIENCE_MS, onWait, signal } : undefined,
  );
}
