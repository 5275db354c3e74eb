import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { keySlot } from "../../cluster/model/slots.ts";

/** A key that a load may have written. */
export interface WrittenKey {
  readonly key: string;
  readonly slot: number;
  /** Of the operation that wrote it: it tells its shard. */
  readonly writer: number;
}

/** The keys that the operations of a history may have written, in batches, each key once at least. Only those of the load: what another program put into the file is left out. */
export async function* writtenKeys(operationsFile: string, prefix: string): AsyncGenerator<readonly WrittenKey[]> {
  const lines = createInterface({ input: createReadStream(operationsFile), crlfDelay: Number.POSITIVE_INFINITY });
  const often = new Set<string>();
  let batch: WrittenKey[] = [];
  for await (const line of lines) {
    const { writer, op, key } = INVOKE.exec(line)?.groups ?? {};
    if (key === undefined || !key.startsWith(prefix)) continue;
    // Registers and counters are written again and again.
    if (op !== "write") {
      if (often.has(key)) continue;
      often.add(key);
    }
    batch.push({ key, slot: keySlot(key), writer: Number(writer) });
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

const BATCH = 1_000;
const INVOKE = /^\{"k":"invoke","o":\d+,"t":\d+,"w":(?<writer>\d+),"op":"(?<op>write|register|count)","key":"(?<key>[\w:{}-]+)"/;
