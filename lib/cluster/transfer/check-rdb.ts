import { open } from "node:fs/promises";
import { messageOf } from "../../error.ts";
import { readHeadOf } from "./data-file.ts";
import { hasRdbEnd, RDB_TAIL, type RdbHead } from "./rdb-head.ts";

/** What a look at both ends of an RDB file gave. */
export interface RdbCheck {
  readonly head: RdbHead | undefined;
  /** Sentences. */
  readonly faults: readonly string[];
}

/** Looks whether a file begins and ends as an RDB does. What is in between a server has to tell. */
export async function checkRdb(path: string): Promise<RdbCheck> {
  try {
    const head = await readHeadOf(path);
    if (head === undefined) return { head, faults: ["It does not begin as an RDB does."] };
    return { head, faults: hasRdbEnd(await readTail(path)) ? [] : ["It does not end as an RDB does: it is cut off."] };
  } catch (error) {
    return { head: undefined, faults: [`It can't be read: ${messageOf(error).split("\n")[0]}`] };
  }
}

async function readTail(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(RDB_TAIL, size));
    await file.read(tail, 0, tail.length, size - tail.length);
    return tail;
  } finally {
    await file.close();
  }
}
