import { open } from "node:fs/promises";
import { isLabError } from "../base/error.ts";
import { errnoOf, fileNotRead } from "../base/errors.ts";
import { readHeadOf } from "./data-file.ts";
import { hasRdbEnd, RDB_TAIL, type RdbHead } from "./rdb-head.ts";

/** What a look at both ends of an RDB file gave. */
export interface RdbCheck {
  readonly head: RdbHead | undefined;
  /** Sentences. */
  readonly faults: readonly string[];
}

/** Looks whether a file begins and ends as an RDB does. What is in between a server has to tell. @throws LabError `file.not-read` */
export async function checkRdb(path: string): Promise<RdbCheck> {
  try {
    const head = await readHeadOf(path);
    if (head === undefined) return { head, faults: ["It does not begin as an RDB does."] };
    return { head, faults: hasRdbEnd(await readTail(path)) ? [] : ["It does not end as an RDB does: it is cut off."] };
  } catch (error) {
    // What the system does not let us read says nothing of the file.
    throw isLabError(error) || errnoOf(error) === undefined ? error : fileNotRead(path, error);
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
