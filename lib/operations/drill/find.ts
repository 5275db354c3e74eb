import { unknownDrill } from "../../drill/errors.ts";
import { type Drill, type DrillInput, defineDrill, isDrill } from "../../drill/scenarios/drill.ts";
import { SHIPPED_DRILLS } from "../../drill/scenarios/shipped.ts";
import type { Project } from "../../project/project.ts";
import { sameDrill } from "./errors.ts";

export type KnownDrill = Drill & { readonly own: boolean };

/** The drills that come with redis-lab, and those that the labs file exports: made by `defineDrill`, or what is meant for it. @throws LabError `drill.invalid`, `drill.same-name` */
export function knownDrills({ others = [], labsFile }: Pick<Project, "others" | "labsFile">): readonly KnownDrill[] {
  const own = others.flatMap((value) => (isDrill(value) || looksLikeDrill(value) ? [defineDrill(value)] : []));
  const all = [...SHIPPED_DRILLS.map((drill) => ({ ...drill, own: false })), ...own.map((drill) => ({ ...drill, own: true }))];
  const twice = all.find(({ name }, index) => all.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw sameDrill(twice.name, labsFile);
  return all;
}

function looksLikeDrill(value: unknown): value is DrillInput {
  return typeof value === "object" && value !== null && "fault" in value && "given" in value;
}

/** @throws LabError `drill.unknown` */
export function findDrill(drills: readonly KnownDrill[], name: string): KnownDrill {
  const found = drills.find((drill) => drill.name === name);
  if (found === undefined)
    throw unknownDrill(
      name,
      drills.map((drill) => drill.name),
    );
  return found;
}
