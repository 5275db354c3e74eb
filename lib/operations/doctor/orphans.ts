import { isLabError } from "../../error.ts";
import { TARGETS } from "../../lab/targets.ts";
import { orphans as findOrphans, type Orphan, removeOrphan } from "../../libvirt/orphans.ts";
import { readTerraformState } from "../../libvirt/terraform-state.ts";
import { withLabLock } from "../inside-terraform.ts";
import type { SessionOptions } from "../session.ts";

/** What is left over in libvirt of a lab. */
export interface Leftovers {
  readonly orphans: readonly Orphan[];
  /** Why it can't be told; undefined where it can. */
  readonly unknown: string | undefined;
}

type Options = Pick<SessionOptions, "project" | "lab" | "target" | "environment" | "signal">;

/** What Terraform does not know and libvirt has. Nothing on targets without VMs. */
export async function readLeftovers({ project, lab, target, environment, signal }: Options): Promise<Leftovers> {
  if (TARGETS[target].machines !== "terraform") return { orphans: [], unknown: undefined };
  const known = await readTerraformState({ root: project.root, lab: lab.name, environment, signal });
  if (known.kind === "unreadable") return { orphans: [], unknown: `Terraform's state can't be read: ${known.why}` };
  try {
    return { orphans: await findOrphans(lab, known, { signal }), unknown: undefined };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLabError(error)) throw error;
    return { orphans: [], unknown: error.what };
  }
}

/** A VM that runs may be somebody's at work, who deployed from another checkout: only a person can say. */
export function needsAPerson(orphan: Orphan): boolean {
  return orphan.kind === "domain" && (orphan.state === "running" || orphan.state === "paused");
}

/**
 * Removes leftovers, while nobody else works on the lab.
 *
 * @throws LabError `project.locked`, `libvirt.*`
 */
export async function removeLeftovers(
  options: Omit<SessionOptions, "hosts" | "reach"> & { readonly now: () => Date },
  leftovers: readonly Orphan[],
): Promise<void> {
  const { lab, signal, emit } = options;
  await withLabLock(options, `doctor ${lab.name} --fix`, async () => {
    for (const orphan of leftovers) {
      signal?.throwIfAborted();
      const step = { type: "step", host: undefined, step: "orphans", detail: `remove ${orphan.name}` } as const;
      emit({ ...step, state: "started" });
      await removeOrphan(orphan, { signal });
      emit({ ...step, state: "changed" });
    }
  });
}
