import { isLabError } from "../../base/error.ts";
import { listLabs } from "../../operations/list.ts";
import { openProject, type Project } from "../../project/project.ts";
import { formatList } from "../../report/list.ts";
import { printResult } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import type { OwnHost } from "../verb.ts";

export async function list(
  { signal, json, verb }: OwnHost<"list">,
  { all, labs }: { readonly all: boolean; readonly labs: string | undefined },
): Promise<number> {
  const project = await projectHere(labs ?? process.env["REDIS_LAB_LABS"], all);
  const rows = await listLabs({ project, all, environment: process.env, signal });
  const terminal = process.stdout.isTTY === true && !json;
  const text = formatList(rows, { terminal, width: process.stdout.columns || undefined, now: new Date(), folders: all });
  printResult({ verb, json }, { labs: rows }, rows.length === 0 ? "No lab is declared here, and none runs." : text);
  return EXIT.done;
}

/** `--all` is of this computer, so it works outside of a project, too. */
async function projectHere(labsFile: string | undefined, optional: boolean): Promise<Project | undefined> {
  try {
    return await openProject({ from: process.cwd(), labsFile });
  } catch (error) {
    if (optional && labsFile === undefined && isLabError(error) && error.code === "project.no-labs-file") return undefined;
    throw error;
  }
}
