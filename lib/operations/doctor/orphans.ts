import { allEnded } from "../../base/all-ended.ts";
import { isLabError } from "../../base/error.ts";
import { TARGETS } from "../../lab/targets.ts";
import { missingOfDeployed } from "../../libvirt/deployed.ts";
import { orphans as findOrphans, type Orphan, removeOrphan } from "../../libvirt/orphans.ts";
import type { PreflightFinding } from "../../libvirt/preflight-finding.ts";
import { readTerraformState, type TerraformState } from "../../libvirt/terraform-state.ts";
import type { SessionOptions } from "../session.ts";
import { withLabLock } from "../vms/inside-terraform.ts";

/** What is left over in libvirt of a lab. */
export interface OrphanReport {
  readonly orphans: readonly Orphan[];
  /** Why it is not known; undefined where it is. */
  readonly unknown: string | undefined;
}

type Options = Pick<SessionOptions, "project" | "lab" | "target" | "environment" | "signal">;

/** What Terraform does not know and libvirt has. Nothing on targets without VMs. */
export async function readOrphans(options: Options): Promise<OrphanReport> {
  if (TARGETS[options.target].machines !== "terraform") return { orphans: [], unknown: undefined };
  return orphansBeside(options, await readState(options));
}

/** The same, and what Terraform made and libvirt has no more. */
export async function lookAround(options: Options): Promise<OrphanReport & { readonly missing: readonly PreflightFinding[] }> {
  const known = await readState(options);
  const [report, missing] = await allEnded([
    orphansBeside(options, known),
    missingOfDeployed(options.lab, known, { signal: options.signal }),
  ]);
  return { ...report, missing };
}

function readState({ project, lab, environment, signal }: Options): Promise<TerraformState> {
  return readTerraformState({ root: project.root, lab: lab.name, environment, signal });
}

async function orphansBeside({ lab, signal }: Options, known: TerraformState): Promise<OrphanReport> {
  if (known.kind === "unreadable") return { orphans: [], unknown: `Terraform's state can't be read: ${known.why}` };
  try {
    return { orphans: await findOrphans(lab, known, { signal }), unknown: undefined };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    return { orphans: [], unknown: error.what };
  }
}

/**
 * Why only a person may have an orphan removed; undefined where none is needed. A VM that runs, and what it uses, may be at work for a lab that was deployed from another folder or
 * computer; and where the state here made nothing of the lab, another one made this.
 */
export function needsAPerson({ usedBy, ours }: Pick<Orphan, "usedBy" | "ours">): string | undefined {
  if (usedBy.length > 0) return `in use by ${usedBy.join(", ")}`;
  return ours ? undefined : "not made by the Terraform state of this project, which knows nothing of the lab";
}

/** What a removal of orphans does with each of them. */
export interface OrphanRemoval {
  /** Those that are removed. */
  readonly those: readonly Orphan[];
  /** Those that stay, as a person is needed and can't be asked. */
  readonly kept: readonly Orphan[];
  /** A `--yes` answers the question. No option stands in for a person: a script, or an alias typed in another folder, can't know whose VMs these are. */
  readonly optionAnswers: boolean;
}

/** Pure. @param canAsk a person sits at a terminal */
export function planRemoval(orphans: readonly Orphan[], canAsk: boolean): OrphanRemoval {
  const free = orphans.filter((orphan) => needsAPerson(orphan) === undefined);
  const others = orphans.filter((orphan) => needsAPerson(orphan) !== undefined);
  return canAsk ? { those: orphans, kept: [], optionAnswers: others.length === 0 } : { those: free, kept: others, optionAnswers: true };
}

/**
 * Removes orphans, while nobody else works on the lab.
 *
 * @throws LabError `project.locked`, `libvirt.*`
 */
export async function removeLeftovers(
  options: Omit<SessionOptions, "hosts" | "reach"> & { readonly now: () => Date },
  orphans: readonly Orphan[],
): Promise<void> {
  const { lab, signal, emit } = options;
  await withLabLock(options, `doctor ${lab.name} --fix`, async () => {
    for (const orphan of orphans) {
      signal?.throwIfAborted();
      const step = { type: "step", host: undefined, step: "orphans", detail: `remove ${orphan.name}` } as const;
      emit({ ...step, state: "started" });
      await removeOrphan(orphan, { signal });
      emit({ ...step, state: "changed" });
    }
  });
}
