import { readFile } from "node:fs/promises";
import { parsePlan } from "../../cluster/saved-plan.ts";
import { LabError } from "../../error.ts";
import { applySaved } from "../../operations/cluster/change.ts";
import { type CommonOptions, openContext } from "../context.ts";
import { type MoveOptions, moveRequest, showChange } from "./cluster/change.ts";

/** Applies a plan that a cluster verb saved; lab and target are those that it names. */
export async function run(file: string, options: CommonOptions & MoveOptions, signal: AbortSignal): Promise<number> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new LabError({
      code: "cli.no-plan",
      what: `${file} can't be read: ${error.code ?? error.message}.`,
      next: "Make a plan with `redis-lab cluster VERB LAB --plan FILE`.",
    });
  });
  const saved = parsePlan(text, file);
  const context = await openContext(saved.lab, { ...options, target: saved.target }, signal);
  return showChange(context, {}, (emit) => applySaved(saved, { ...context, emit, now: () => new Date(), move: moveRequest(options) }));
}
