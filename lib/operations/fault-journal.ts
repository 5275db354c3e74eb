import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { type FaultNote, parseNote } from "../fault/journal.ts";
import type { StatePaths } from "../project/state.ts";

// What this computer remembers of faults: a file each, on disk before anything is noted down on a host. It says on which hosts to look where redis-lab was killed in between, and which of them can't be asked.

/** A fault that was begun, and the hosts that may have it. */
export interface BegunFault extends FaultNote {
  readonly hosts: readonly string[];
}

type Paths = Pick<StatePaths, "faultsFolder">;

const fileOf = ({ faultsFolder }: Paths, id: string) => join(faultsFolder, `${id}.json`);

/** @throws LabError `file.not-written`: nothing has begun then */
export async function remember(paths: Paths, fault: BegunFault): Promise<void> {
  await writeAtomically(fileOf(paths, fault.id), `${JSON.stringify(fault)}\n`);
}

export async function forget(paths: Paths, id: string): Promise<void> {
  await rm(fileOf(paths, id), { force: true });
}

/** All that were begun and not forgotten. A file that is none is passed over: the hosts know better. */
export async function begunFaults(paths: Paths): Promise<readonly BegunFault[]> {
  const names = await readdir(paths.faultsFolder).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{8}\.json$/.test(name))
      .map(async (name) => {
        const text = (await readIfPresent(join(paths.faultsFolder, name))) ?? "";
        const note = parseNote(text);
        if (note === undefined) return [];
        const { hosts } = JSON.parse(text) as { readonly hosts?: unknown };
        const known = Array.isArray(hosts) ? hosts.filter((host): host is string => typeof host === "string") : [];
        return [{ ...note, hosts: known }];
      }),
  );
  return found.flat();
}
