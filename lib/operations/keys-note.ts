import { join } from "node:path";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { type ProcessIdentity, thisProcess } from "../base/process-identity.ts";

/** In the folder of a history: its keys are gone, or its load runs. */
const KEYS_FILE = "keys.json";

export interface KeysNote {
  /** Of the load; it is not cleaned while it lives. */
  readonly process: ProcessIdentity;
  readonly id: string;
  readonly writers: number;
  readonly state: "written" | "removed";
}

/** Before the first key is written, and once they are gone: by it what a killed load left is found. */
export async function noteKeys(folder: string, note: Omit<KeysNote, "process">): Promise<void> {
  const text = JSON.stringify({ process: await thisProcess(), ...note } satisfies KeysNote);
  await writeAtomically(join(folder, KEYS_FILE), `${text}\n`);
}

/** Undefined where there is none, and for a file that is none. */
export async function readKeysNote(folder: string): Promise<KeysNote | undefined> {
  const text = await readIfPresent(join(folder, KEYS_FILE)).catch(() => undefined);
  try {
    const { process, id, writers, state } = JSON.parse(text ?? "") as Partial<KeysNote>;
    const whole = Number.isSafeInteger(writers) && (writers as number) > 0;
    if (typeof process?.pid !== "number" || typeof id !== "string" || !/^[0-9a-z]{1,32}$/i.test(id) || !whole) return undefined;
    return { process, id, writers: writers as number, state: state === "removed" ? "removed" : "written" };
  } catch {
    return undefined;
  }
}
