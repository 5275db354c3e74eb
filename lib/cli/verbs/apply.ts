import { readFile } from "node:fs/promises";
import { LabError } from "../../base/error.ts";
import { parsePlan } from "../../cluster/plan/saved-plan.ts";
import { fillError } from "../../engine/invocation.ts";
import { openContext } from "../context.ts";
import type { OwnHost } from "../verb.ts";
import { askAndApply } from "./cluster/change.ts";

/** Applies a plan that a cluster verb saved; lab and target are those that it names. */
export async function apply(
  { signal, json, speaksOf, verb }: OwnHost<"apply">,
  { labs, ...options }: { readonly labs: string | undefined; readonly yes: boolean; readonly dryRun: boolean },
  { file }: { readonly file: string },
): Promise<number> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new LabError({
      code: "cli.no-plan",
      kind: "usage",
      what: `${file} can't be read: ${error.code ?? error.message}.`,
      next: "Make a plan with `redis-lab cluster VERB LAB --plan FILE`.",
    });
  });
  const saved = parsePlan(text, file);
  speaksOf({ lab: saved.lab, target: saved.target });
  const context = await openContext(verb, saved.lab, { labs, json, target: saved.target }, signal);
  try {
    return await askAndApply(context, saved, options);
  } catch (error) {
    throw fillError(error, context.invocation);
  }
}
