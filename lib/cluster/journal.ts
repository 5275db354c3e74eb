import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { corruptJournal } from "./errors.ts";
import type { Houses } from "./move/passes.ts";
import type { MoveLog, Quarantine, SlotMove } from "./move/types.ts";
import { eachSlot } from "./slots.ts";

// One file for each move that has not come to its end, one JSON document a line: first all that was planned, then what has arrived. It is on disk before the first slot is opened, so
// after a crash it names every slot that may be open, or have keys at both ends; which of them are, the servers tell. It is removed when all is done.

const range = v.object({ first: v.number(), last: v.number() });
const header = v.object({
  format: v.literal(1),
  /** ISO time. */
  begun: v.string(),
  /** For people: `reshard`, `rebalance`, … */
  verb: v.string(),
  moves: v.array(v.object({ source: v.string(), target: v.string(), slots: v.array(range) })),
  /** Node ids that may stand for an instance after a failover: its own, and those of its replicas. */
  houses: v.record(v.string(), v.array(v.string())),
});
const line = v.object({ closed: v.array(v.number()) });

/** A move that was begun and has not come to its end. */
export interface OpenMove {
  readonly file: string;
  readonly begun: string;
  readonly verb: string;
  readonly moves: readonly SlotMove[];
  readonly houses: Houses;
  /** Slots that may be open: planned, and not known to have arrived. */
  readonly open: ReadonlySet<number>;
  /** How many have arrived. */
  readonly arrived: number;
}

/** A journal that is being written. */
export interface Journal extends MoveLog {
  readonly file: string;
}

/** Begins the journal of a move, in a folder of the lab's own. */
export async function beginJournal(
  folder: string,
  { verb, moves, houses, now }: { readonly verb: string; readonly moves: readonly SlotMove[]; readonly houses: Houses; readonly now: Date },
): Promise<Journal> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const begun = now.toISOString();
  const file = join(folder, `${begun.replaceAll(/[:.]/g, "-")}-${randomBytes(3).toString("hex")}.jsonl`);
  const nodes = Object.fromEntries([...houses].map(([id, ids]) => [id, [...ids]]));
  await writeLine(file, { format: 1, begun, verb, moves, houses: nodes });
  return continueJournal(file);
}

/** Goes on with the journal of an earlier process. */
export function continueJournal(file: string): Journal {
  return {
    file,
    // One that is missing after a crash is looked at once more, and found where it belongs.
    closed: async (slots) => (slots.length === 0 ? undefined : appendFile(file, `${JSON.stringify({ closed: slots })}\n`, { mode: 0o600 })),
    end: () => rm(file, { force: true }),
  };
}

/** The moves that earlier processes did not bring to their end, the oldest first. @throws LabError `cluster.corrupt-journal` */
export async function openMoves(folder: string): Promise<readonly OpenMove[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith(".jsonl")).sort();
  return Promise.all(files.map((name) => readMove(join(folder, name))));
}

async function readMove(file: string): Promise<OpenMove> {
  const lines = (await readFile(file, "utf8")).split("\n");
  // A process that was killed while it wrote leaves half a line, and had not opened what it would have named.
  const whole = lines.slice(0, -1);
  const parse = <Schema extends v.GenericSchema>(schema: Schema, text: string, number: number): v.InferOutput<Schema> => {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (parsed.success) return parsed.output;
    throw corruptJournal(file, number, parsed.issues[0].message);
  };
  const { begun, verb, moves, houses } = parse(header, whole[0] ?? "", 1);
  const open = new Set(moves.flatMap(({ slots }) => [...eachSlot(slots)]));
  const planned = open.size;
  for (const [index, text] of whole.slice(1).entries()) for (const slot of parse(line, text, index + 2).closed) open.delete(slot);
  return {
    file,
    begun,
    verb,
    moves,
    houses: new Map(Object.entries(houses).map(([id, ids]) => [id, new Set(ids)])),
    open,
    arrived: planned - open.size,
  };
}

/** A quarantine in a folder of the lab's own: one file a run, one JSON document a value, its bytes in base64. Mode 0600, as they are a user's data. */
export function quarantineIn(folder: string, now: Date): Quarantine & { readonly file: string } {
  const file = join(folder, `${now.toISOString().replaceAll(/[:.]/g, "-")}.jsonl`);
  const keep: Quarantine = async (values) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const { slot, key, instance, dump, ttlMs } of values)
      await writeLine(file, {
        slot,
        key: key.toString("base64"),
        text: key.toString("utf8"),
        instance,
        ttlMs: ttlMs ?? null,
        dump: dump.toString("base64"),
      });
  };
  return Object.assign(keep, { file });
}

/** Resolves when the line is on disk. */
async function writeLine(file: string, document: unknown): Promise<void> {
  const handle = await open(file, "a", 0o600);
  try {
    await handle.appendFile(`${JSON.stringify(document)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
