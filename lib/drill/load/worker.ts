import { text } from "node:stream/consumers";
import { messageOf, whatOf } from "../../base/error.ts";
import type { ApplicationClient } from "../../redis/application-client.ts";
import { Ledger } from "../ledger.ts";
import { applicationLoadClient } from "./client.ts";
import { type BaseKey, baseKeys } from "./keys.ts";
import { programLoadClient } from "./program-client.ts";
import { removeWrittenKeys, within } from "./remove.ts";
import { LoadRun } from "./run.ts";
import { openApplicationClient, type WorkerLine, type WorkerTask } from "./task.ts";

/** Tells the parent. @returns whether it lives */
type Say = (line: WorkerLine) => boolean;

/**
 * The process of a load, with an event loop of its own. It gets its task, password included, by standard input, and tells on standard output.
 *
 * @param stopped the load is to end: in order where the parent lives, and at once where it has gone
 */
export async function work(say: Say, stopped: AbortSignal): Promise<void> {
  try {
    const task = JSON.parse(await text(process.stdin)) as WorkerTask;
    const { settings, traffic, password } = task;
    const client = await openApplicationClient(traffic, { password, timeoutMs: settings.timeoutMs });
    try {
      if (task.mode === "run") await load(task, client, say, stopped);
      if (task.mode === "remove" || (!task.keep && say({ k: "removing" }))) say({ k: "removed", ...(await remove(task, client)) });
    } finally {
      client.close();
    }
  } catch (error) {
    say({ k: "failed", what: whatOf(error) || messageOf(error) });
  }
}

async function load(
  { settings, traffic, prefix, operationsFile, program }: WorkerTask,
  client: ApplicationClient,
  say: Say,
  stopped: AbortSignal,
): Promise<void> {
  const keys = baseKeys(traffic, prefix, settings.keyCount);
  const through = program === undefined ? applicationLoadClient(client, settings) : programLoadClient(program, settings);
  await Promise.all([through.ready, reach(client, keys, settings.timeoutMs)]);
  const ledger = await Ledger.create(operationsFile);
  const run = new LoadRun({
    settings,
    shards: traffic.shards,
    keys,
    ledger,
    client: through,
    onSecond: (counts) => say({ k: "second", counts }),
  });
  const stop = () => (say({ k: "ending" }) ? run.stop(undefined) : run.abandon());
  if (stopped.aborted) stop();
  else stopped.addEventListener("abort", stop, { once: true });
  say({ k: "began", beganAt: run.beganAt, writers: run.writers.map(({ id, shard }) => ({ id, shard })) });
  const summary = await run.run();
  ledger.close();
  if (program !== undefined) await through.close();
  say({ k: "summary", summary });
}

/** Connects to the master of each shard before anything is due. One that is away is no obstacle: that is counted. */
async function reach(client: ApplicationClient, keys: readonly (readonly BaseKey[])[], timeoutMs: number): Promise<void> {
  await Promise.all(
    keys.flatMap(([first], shard) => {
      if (first === undefined) return [];
      return within(client.send({ shard, key: first.text, slot: first.slot }, ["EXISTS", first.text]), timeoutMs);
    }),
  );
}

async function remove({ operationsFile, prefix, settings }: WorkerTask, client: ApplicationClient) {
  return removeWrittenKeys(client, { operationsFile, prefix, writersOfShard: settings.writers, timeoutMs: settings.timeoutMs });
}
