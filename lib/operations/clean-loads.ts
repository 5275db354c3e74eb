import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isGone, type ProcessIdentity, thisProcess } from "../base/process-identity.ts";
import { type RemovedKeys, removeLoadKeys } from "../drill/load/start-load.ts";
import { noteKeys, readKeysNote } from "./keys-note.ts";
import { layoutOperations } from "./layouts.ts";
import { type LoadVerbOptions, loadSettings } from "./load.ts";
import { putBackMinReplicas } from "./min-replicas.ts";
import { type Session, withSession } from "./session.ts";

/** What `load --clean` did. */
export interface CleanedLoads {
  readonly lab: string;
  readonly target: string;
  /** Histories of loads whose keys were looked for. */
  readonly cleaned: readonly CleanedLoad[];
  /** No key is left. */
  readonly ok: boolean;
}

export interface CleanedLoad extends RemovedKeys {
  readonly folder: string;
}

/** Removes the keys of loads that were killed, or that kept them, by their histories, and puts back what else they left. @param options `history`: of this one alone. @default all below .redis-lab */
export async function cleanLoads(options: LoadVerbOptions): Promise<CleanedLoads> {
  return withSession(options, async (session) => {
    await putBackMinReplicas(session);
    const folders = options.history === undefined ? await historiesOf(session) : [options.history];
    const cleaned: CleanedLoad[] = [];
    for (const folder of folders) {
      const note = await readKeysNote(folder);
      if (note === undefined || note.state === "removed" || !(await endedOrOwn(note.process))) continue;
      const traffic = await layoutOperations(session).traffic();
      const settings = { ...loadSettings(options.request, traffic), writers: note.writers };
      const { password } = session.secrets;
      const keys = await removeLoadKeys({ enter: session.enter("client"), settings, traffic, password, folder, id: note.id });
      if (keys.left === 0) await noteKeys(folder, { id: note.id, writers: note.writers, state: "removed" });
      cleaned.push({ folder, ...keys });
    }
    const { lab, target } = session;
    return { lab: lab.name, target, cleaned, ok: cleaned.every(({ left }) => left === 0) };
  });
}

async function endedOrOwn(process: ProcessIdentity): Promise<boolean> {
  return (await isGone(process)) || process.pid === (await thisProcess()).pid;
}

async function historiesOf({ paths }: Session): Promise<readonly string[]> {
  const folder = join(paths.targetFolder, "drills");
  const names = await readdir(folder).catch(() => []);
  return names.sort().map((name) => join(folder, name));
}
