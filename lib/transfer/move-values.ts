import { isLabError } from "../base/error.ts";
import { keySlot } from "../cluster/model/slots.ts";
import { leftOf, sameBytes, sameLife, type Value } from "../cluster/model/value.ts";
import type { Batch } from "../cluster/move/batches.ts";
import { type Delivered, type DeliverOptions, deliver } from "./deliver.ts";
import { exchange } from "./exchange.ts";
import { deleteWatched, readValues, unwatch } from "./read.ts";
import type { Source } from "./source.ts";
import type { KeyOutcome } from "./types.ts";

/** A key that was moved, or could not even be read. */
export type MovedKey = Delivered | { readonly key: Buffer; readonly outcome: KeyOutcome };

/** How often a key that changes on its way is sent again. */
const TRIES = 5;

/**
 * Moves some keys: watched at the source, brought to the cluster, and deleted at the source once the cluster and a replica have them, all in one transaction that comes to nothing
 * when a client changed one of them meanwhile. Then they go one by one, with the values that they have by then.
 */
export async function moveValues({ client }: Source, batch: Batch, options: DeliverOptions): Promise<readonly MovedKey[]> {
  const readings = await readValues(client, batch, "watched");
  const values = readings.flatMap((reading) => (reading.kind === "value" ? [reading.value] : []));
  const delivered = await deliver(values, options);
  const unread = readings.flatMap((reading, index): MovedKey[] => {
    const key = batch.keys[index];
    return reading.kind === "value" || key === undefined ? [] : [{ key, outcome: reading }];
  });
  const arrived = delivered.filter(isThere);
  if (arrived.length === 0) {
    await unwatch(client);
    return [...delivered, ...unread];
  }
  if (
    await deleteWatched(
      client,
      arrived.map(({ value }) => value.key),
    )
  )
    return [...delivered, ...unread];
  const settled: Delivered[] = [];
  // One by one: what is watched for one key is not disturbed by another.
  for (const each of delivered) settled.push(isThere(each) ? await moveAgain(client, each, options) : each);
  return [...settled, ...unread];
}

function isThere({ outcome }: Delivered): boolean {
  return outcome.kind === "imported" || outcome.kind === "same";
}

async function moveAgain(client: Source["client"], first: Delivered, options: DeliverOptions): Promise<Delivered> {
  let last = first;
  for (let round = 0; round < TRIES; round += 1) {
    const [reading] = await readValues(client, { keys: [last.value.key], bytes: last.value.dump.length }, "watched");
    if (reading === undefined || reading.kind === "gone") {
      await unwatch(client);
      return takenBack(last, options);
    }
    if (reading.kind === "refused") {
      await unwatch(client);
      return { ...last, outcome: { kind: "changed", why: reading.why } };
    }
    if (!sameBytes(reading.value.dump, last.value.dump) || !sameLife(reading.value.endsAt, last.value.endsAt)) {
      const [next] = await deliver([reading.value], options, [last.outcome.kind === "imported" ? last.value : undefined]);
      if (next === undefined || !isThere(next)) {
        await unwatch(client);
        return afterChange(last, next);
      }
      last = next;
    }
    if (await deleteWatched(client, [last.value.key])) return last;
  }
  return { ...last, outcome: { kind: "changed", why: `it changed at the source each of ${TRIES} times that it was moved` } };
}

/** A value that changed on its way, and of which the present one did not arrive. */
function afterChange(last: Delivered, next: Delivered | undefined): Delivered {
  if (next === undefined || next.outcome.kind === "gone" || last.outcome.kind === "same") return next ?? last;
  const why = "why" in next.outcome ? next.outcome.why : "the present value did not arrive";
  return { ...next, outcome: { kind: "changed", why: `it changed at the source on its way, and then ${why}` } };
}

/** A key that a client deleted at the source while it travelled is taken from the cluster again, if it is still what this import brought. */
async function takenBack(last: Delivered, { routes }: DeliverOptions): Promise<Delivered> {
  const gone: Delivered = { ...last, outcome: { kind: "gone" } };
  if (leftOf(last.value) === undefined || last.outcome.kind === "same") return gone;
  return (await takeBack(last.value, routes)) ? gone : { ...last, outcome: { kind: "changed", why: DELETED } };
}

const DELETED = "it was deleted at the source on its way, and the cluster keeps what had arrived";

async function takeBack(value: Value, routes: DeliverOptions["routes"]): Promise<boolean> {
  const owner = routes.ownerOf(keySlot(value.key));
  if (owner === undefined) return false;
  try {
    return await exchange(value, undefined, (await routes.connectionTo(owner)).client);
  } catch (error) {
    if (!isLabError(error)) throw error;
    return false;
  }
}
