import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { isGone, type ProcessIdentity, thisProcess } from "../base/process-identity.ts";
import { placedInstances } from "../lab/placement.ts";
import { minReplicasToWrite, setMinReplicasToWrite } from "../redis/commands.ts";
import type { Session } from "./session.ts";

// min-replicas-to-write while a load asks for another one. What was before is on disk before anything is set, so that what a killed load left is put back by the next load, `heal` or `up`.

/** What a load set, and what to put back. */
interface Note {
  readonly process: ProcessIdentity;
  readonly set: number;
  /** By instance id. */
  readonly before: Readonly<Record<string, number>>;
}

const fileOf = ({ paths }: Pick<Session, "paths">) => join(paths.targetFolder, "min-replicas.json");

/** Makes every server ask for so many replicas before it takes a write: whichever becomes the master does too. @returns what puts back what was before */
export async function lendMinReplicas(session: Session, replicas: number): Promise<() => Promise<unknown>> {
  await putBackMinReplicas(session);
  const servers = placedInstances(session.placement).filter(({ kind }) => kind === "redis");
  const clients = await Promise.all(servers.map(async ({ id }) => ({ id, client: await session.access.client(id) })));
  const seen = await Promise.all(clients.map(async ({ id, client }) => [id, await minReplicasToWrite(client)] as const));
  // A server that was away when an earlier load was put back has that one's number, and not its own.
  const owed = (await readNote(session))?.before;
  const note: Note = { process: await thisProcess(), set: replicas, before: { ...Object.fromEntries(seen), ...owed } };
  await writeAtomically(fileOf(session), `${JSON.stringify(note)}\n`);
  const back = () => putBackMinReplicas(session, "own");
  try {
    for (const { client } of clients) await setMinReplicasToWrite(client, replicas);
  } catch (error) {
    await back();
    throw error;
  }
  return back;
}

/**
 * Puts back what a load left that has ended without doing so. A server that can't be asked now keeps its note; one that was set otherwise meanwhile stays as it is.
 *
 * @param whose `own`: of this process. @default of those that have ended
 * @returns ids of the instances
 */
export async function putBackMinReplicas(session: Session, whose: "own" | "ended" = "ended"): Promise<readonly string[]> {
  const note = await readNote(session);
  if (note === undefined) return [];
  // Who lives puts it back itself.
  if (whose === "ended" && !(await isGone(note.process))) return [];
  const placed = new Set(placedInstances(session.placement).flatMap(({ id, kind }) => (kind === "redis" ? [id] : [])));
  const owed = Object.entries(note.before).filter(([id]) => placed.has(id));
  const results = await Promise.allSettled(
    owed.map(async ([id, value]) => {
      const client = await session.access.client(id);
      const now = await minReplicasToWrite(client);
      if (now !== note.set || now === value) return [];
      await setMinReplicasToWrite(client, value);
      return [id];
    }),
  );
  const left = owed.filter((_, index) => results[index]?.status === "rejected");
  if (left.length === 0) await rm(fileOf(session), { force: true });
  else await writeAtomically(fileOf(session), `${JSON.stringify({ ...note, before: Object.fromEntries(left) })}\n`);
  return results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}

/** Undefined where there is none, and for a file that is none. */
async function readNote(session: Session): Promise<Note | undefined> {
  const text = await readIfPresent(fileOf(session));
  try {
    const { process, set, before } = JSON.parse(text ?? "") as Partial<Note>;
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
    if (typeof process?.pid !== "number" || !isCount(set) || typeof before !== "object" || before === null) return undefined;
    return { process, set, before: Object.fromEntries(Object.entries(before).filter(([, value]) => isCount(value))) };
  } catch {
    return undefined;
  }
}
