import { LabError } from "../base/error.ts";
import { keySlot } from "../cluster/model/slots.ts";
import type { ClusterMember } from "../cluster/model/types.ts";
import { type Batch, nextBatch } from "../cluster/move/batches.ts";
import type { InstanceAccess, RedisClient } from "../redis/types.ts";
import { type Delivered, type DeliverOptions, deliver } from "./deliver.ts";
import { importStopped } from "./errors.ts";
import { type ImportPace, openPace } from "./import-pace.ts";
import { type MovedKey, moveValues } from "./move-values.ts";
import { type Reading, readValues, scanPages, selectDatabase, sizesOf, twinsOf } from "./read.ts";
import { Routes } from "./routes.ts";
import { inspectSource, type Source } from "./source.ts";
import { makeTally, type Tally } from "./tally.ts";
import type { ImportOptions, ImportReport } from "./types.ts";

/** Keys that travel together where the source does not tell how large they are. */
const UNSIZED_KEYS = 16;

/**
 * Brings the keys of a server into a cluster, with their values and the rests of their lives: read at the source with DUMP, and restored at the master of each slot. The source never
 * has to reach the cluster. It can be ended at any time and run again: what the cluster has already is found equal.
 *
 * @param source used by the import alone while it runs; database 0 is selected afterwards
 * @throws LabError `cluster.source-*`, `cluster.bad-database`, `cluster.not-whole`, `cluster.not-taken`, `cluster.target-refuses`
 */
export async function importKeys(
  source: RedisClient,
  members: readonly ClusterMember[],
  access: InstanceAccess,
  options: ImportOptions,
): Promise<ImportReport> {
  const routes = await Routes.open(members, access, options.signal);
  let total = 0;
  const tally = makeTally(options, () => total);
  let pace: ImportPace | undefined;
  try {
    pace = await openPace(
      options,
      routes.masters.map(({ member }) => member.id),
      access,
    );
    const from = await inspectSource(source, routes.nodeIds, options);
    const wanted = from.databases.filter(({ imported }) => imported);
    total = wanted.reduce((sum, { keys }) => sum + keys, 0);
    const run: Run = { source: from, routes, tally, pace, options, databases: wanted.map(({ database }) => database) };
    for (const database of run.databases) await importDatabase(database, run);
    return tally.report(from.databases);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof LabError ? importStopped(error, tally.imported) : error;
  } finally {
    pace?.close();
    routes.close();
    // The connection is the caller's again.
    if (!source.closed) await source.callAll([["UNWATCH"], ["SELECT", 0]], { timeoutMs: 2000 }).catch(() => undefined);
  }
}

interface Run {
  readonly source: Source;
  readonly routes: Routes;
  readonly tally: Tally;
  readonly pace: ImportPace;
  readonly options: ImportOptions;
  /** All that are merged. */
  readonly databases: readonly number[];
}

async function importDatabase(database: number, run: Run): Promise<void> {
  const { source, options, databases, tally } = run;
  const { client } = source;
  const others = databases.filter((each) => each !== database);
  await selectDatabase(client, database);
  // While one batch is under way to the cluster the next one is read.
  let travelling: Promise<void> = Promise.resolve();
  try {
    for await (const page of scanPages(client)) {
      const twins = await twinsOf(client, page, database, others);
      for (const [key, other] of twins) {
        const why = `databases ${Math.min(database, other)} and ${Math.max(database, other)} of the source both have it`;
        tally.record({ key, database, target: undefined, outcome: { kind: "conflict", why } }, 0, false);
      }
      const once = page.filter((key) => !twins.has(key));
      for await (const batch of batchesOf(once, run)) {
        options.signal?.throwIfAborted();
        if (options.mode === "move") {
          for (const each of await moveValues(source, batch, deliverOptions(run))) recordMoved(each, database, tally);
          continue;
        }
        const readings = await readValues(client, batch, "at-once");
        await travelling;
        travelling = copy(batch, readings, database, run);
        travelling.catch(() => undefined); // it is awaited below
      }
    }
  } finally {
    await travelling;
  }
}

/** A page in batches, as large as they may be when their turn comes; a value that fills a batch by itself travels alone. */
async function* batchesOf(keys: readonly Buffer[], { source: { client, clustered }, pace }: Run): AsyncGenerator<Batch> {
  if (keys.length === 0) return;
  const sized = clustered ? undefined : await sizesOf(client, keys);
  for (const together of clustered ? bySlot(keys) : [keys]) {
    for (let at = 0; at < together.length; ) {
      const { limits } = pace;
      const most = sized === undefined ? { ...limits, keys: Math.min(UNSIZED_KEYS, limits.keys) } : limits;
      const batch = nextBatch(together, (index) => sized?.[index] ?? 0, at, most);
      yield batch;
      at += batch.keys.length;
    }
  }
}

/** Keys that a node of a cluster takes in one transaction. */
function bySlot(keys: readonly Buffer[]): Iterable<readonly Buffer[]> {
  const slots = new Map<number, Buffer[]>();
  for (const key of keys) {
    const slot = keySlot(key);
    const together = slots.get(slot) ?? [];
    slots.set(slot, together);
    together.push(key);
  }
  return slots.values();
}

function deliverOptions({ routes, source, pace, options }: Run): DeliverOptions {
  return {
    routes,
    source,
    conflict: options.conflict ?? "keep",
    safely: options.mode === "move",
    recoveryMs: options.recoveryMs ?? 60_000,
    turn: pace.turn,
    signal: options.signal,
  };
}

async function copy({ keys }: Batch, readings: readonly Reading[], database: number, run: Run): Promise<void> {
  const values = readings.flatMap((reading) => (reading.kind === "value" ? [reading.value] : []));
  for (const delivered of await deliver(values, deliverOptions(run))) recordDelivered(delivered, database, run.tally);
  for (const [index, reading] of readings.entries()) {
    const key = keys[index];
    if (reading.kind !== "value" && key !== undefined) run.tally.record({ key, database, target: undefined, outcome: reading }, 0, false);
  }
}

function recordDelivered({ value, target, outcome }: Delivered, database: number, tally: Tally): void {
  tally.record({ key: value.key, database, target: target?.member, outcome }, value.dump.length, value.endsAt !== undefined);
}

function recordMoved(moved: MovedKey, database: number, tally: Tally): void {
  if ("value" in moved) recordDelivered(moved, database, tally);
  else tally.record({ key: moved.key, database, target: undefined, outcome: moved.outcome }, 0, false);
}
