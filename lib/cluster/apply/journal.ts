import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { appendLines, flushFile, syncFolder, writeAtomically } from "../../base/atomic.ts";
import { corruptJournal } from "../model/errors.ts";
import { eachSlot } from "../model/slots.ts";
import type { ShardMembers } from "../move/passes.ts";
import type { MoveLog, Quarantine, SlotMove } from "../move/types.ts";

// One file for each move that has not come to its end, one JSON document a line: first all that was planned, then what has arrived. It is on disk before the first slot is opened, so
// after a crash it names every slot that may be open, or have keys at both ends; which of them are, the servers tell. It is removed when all is done. The first line is there as a whole or the
// file is not; of the others the last may be torn, and then says nothing.

const range = v.object({ first: v.number(), last: v.number() });
const header = v.object({
  format: v.literal(1),
  /** ISO time. */
  begun: v.string(),
  /** For people: `reshard`, `rebalance`, … */
  verb: v.string(),
  moves: v.array(v.object({ source: v.string(), target: v.string(), slots: v.array(range) })),
  /** Node ids that may stand for an instance after a failover: its own, and those of its replicas. */
  shardMembers: v.record(v.string(), v.array(v.string())),
});
const line = v.object({ closed: v.array(v.number()) });

/** A move that was begun and has not come to its end. */
export interface OpenMove {
  readonly file: string;
  readonly begun: string;
  readonly verb: string;
  readonly moves: readonly SlotMove[];
  readonly shardMembers: ShardMembers;
  /** Slots that may be open: planned, and not known to have arrived. */
  readonly open: ReadonlySet<number>;
  /** How many have arrived. */
  readonly arrived: number;
}

/** A journal that is being written. */
export interface Journal extends MoveLog {
  readonly file: string;
}

/** Begins the journal of a move, in a folder of the lab's own. @throws LabError `file.not-written`: nothing has begun then, and nothing is left of it */
export async function beginJournal(
  folder: string,
  {
    verb,
    moves,
    shardMembers,
    now,
  }: { readonly verb: string; readonly moves: readonly SlotMove[]; readonly shardMembers: ShardMembers; readonly now: Date },
): Promise<Journal> {
  const begun = now.toISOString();
  const file = join(folder, `${begun.replaceAll(/[:.]/g, "-")}-${randomBytes(3).toString("hex")}.jsonl`);
  const nodes = Object.fromEntries([...shardMembers].map(([id, ids]) => [id, [...ids]]));
  await writeAtomically(file, `${JSON.stringify({ format: 1, begun, verb, moves, shardMembers: nodes })}\n`);
  return continueJournal(file);
}

/** Goes on with the journal of an earlier process. */
export function continueJournal(file: string): Journal {
  let turn: Promise<void> = Promise.resolve();
  let flushing: Promise<void> | undefined;
  const write = async (slots: readonly number[]) => {
    await appendLines(file, [JSON.stringify({ closed: slots })], { flushed: false });
    // The move does not wait for the disk, and one flush does for all that came meanwhile.
    flushing ??= flushFile(file)
      .catch(() => {})
      .finally(() => {
        flushing = undefined;
      });
  };
  return {
    file,
    // Pairs of masters work side by side, lines come one after the other. One that is missing after a crash, or for want of room, is looked at once more, and found where it belongs: no
    // reason to stop in the middle of a move.
    closed(slots) {
      if (slots.length > 0) turn = turn.then(() => write(slots)).catch(() => {});
      return turn;
    },
    async end() {
      await turn;
      await flushing;
      await rm(file, { force: true });
      await syncFolder(dirname(file));
    },
  };
}

/** A journal that can't be read: changed by hand, or by a broken disk. */
export interface CorruptJournal {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

/** What earlier processes left in the folder of journals. */
export interface JournalsLeft {
  /** The oldest first. */
  readonly moves: readonly OpenMove[];
  readonly corrupt: readonly CorruptJournal[];
  /** Files without a whole first line: their process had no room for it, or was killed, before it opened the first slot. */
  readonly unbegun: readonly string[];
}

/** The moves that earlier processes did not bring to their end, the oldest first. @throws LabError `cluster.corrupt-journal` */
export async function openMoves(folder: string): Promise<readonly OpenMove[]> {
  const { moves, corrupt } = await readJournals(folder);
  const [first] = corrupt;
  if (first !== undefined) throw corruptJournal(first.file, first.line, first.reason);
  return moves;
}

/** All that is in the folder, for those who go on with what can be read. */
export async function readJournals(folder: string): Promise<JournalsLeft> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith(".jsonl")).sort();
  const read = await Promise.all(files.map((name) => readMove(join(folder, name))));
  return {
    moves: read.flatMap((each) => (each !== undefined && "moves" in each ? [each] : [])),
    corrupt: read.flatMap((each) => (each !== undefined && "line" in each ? [each] : [])),
    unbegun: read.flatMap((each, index) => (each === undefined ? [join(folder, files[index] ?? "")] : [])),
  };
}

/** Removes the journals of moves that never began. For the holder of the lab's lock: another process may be about to begin. */
export async function removeUnbegun(folder: string): Promise<void> {
  for (const file of (await readJournals(folder)).unbegun) await rm(file, { force: true });
}

/** Puts a journal aside, beside where it was and under a name that is not a journal's. @returns that path */
export async function setAside({ file }: Pick<CorruptJournal, "file">): Promise<string> {
  const taken = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  let path = `${file}.corrupt`;
  for (let number = 2; await taken(path); number += 1) path = `${file}.corrupt-${number}`;
  await rename(file, path);
  await syncFolder(dirname(path));
  return path;
}

/** Undefined for a move that never began. */
async function readMove(file: string): Promise<OpenMove | CorruptJournal | undefined> {
  const text = await readFile(file, "utf8");
  // A process that was killed while it wrote, or had no room, leaves half a line, and had not opened what it would have named.
  const [first, ...others] = text.split("\n").slice(0, -1);
  if (first === undefined) return undefined;
  const begin = parse(header, first);
  if ("reason" in begin) return { file, line: 1, reason: begin.reason };
  const { begun, verb, moves, shardMembers } = begin.value;
  const open = new Set(moves.flatMap(({ slots }) => [...eachSlot(slots)]));
  const planned = open.size;
  for (const [index, each] of others.entries()) {
    const arrival = parse(line, each);
    if ("reason" in arrival) return { file, line: index + 2, reason: arrival.reason };
    for (const slot of arrival.value.closed) open.delete(slot);
  }
  return {
    file,
    begun,
    verb,
    moves,
    shardMembers: new Map(Object.entries(shardMembers).map(([id, ids]) => [id, new Set(ids)])),
    open,
    arrived: planned - open.size,
  };
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): { readonly value: v.InferOutput<Schema> } | { readonly reason: string } {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? { value: parsed.output } : { reason: parsed.issues[0].message };
}

/** A quarantine in a folder of the lab's own: one file a run, one JSON document a value, its bytes in base64. Mode 0600, as they are a user's data. */
export function quarantineIn(folder: string, now: Date): Quarantine & { readonly file: string } {
  const file = join(folder, `${now.toISOString().replaceAll(/[:.]/g, "-")}.jsonl`);
  let turn: Promise<void> = Promise.resolve();
  // Resolves when all are on disk: only then are they removed from where they were. One after the other, as pairs of masters work side by side.
  const keep: Quarantine = (values) => {
    const kept = turn.then(() => appendLines(file, linesOf(values)));
    turn = kept.catch(() => {});
    return kept;
  };
  return Object.assign(keep, { file });
}

function* linesOf(values: Parameters<Quarantine>[0]): Iterable<string> {
  for (const value of values) yield lineOf(value);
}

function lineOf({ slot, key, instance, dump, ttlMs }: Parameters<Quarantine>[0][number]): string {
  return JSON.stringify({
    slot,
    key: key.toString("base64"),
    text: key.toString("utf8"),
    instance,
    ttlMs: ttlMs ?? null,
    dump: dump.toString("base64"),
  });
}
