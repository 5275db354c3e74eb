import { readState, writeState } from "../project/state.ts";
import type { Session } from "./session.ts";

/** When shards were last failed over by redis-lab, by the instances that changed their roles: a shard needs some time between two of them, whichever command makes them. */
export interface FailoverTimes {
  /** In milliseconds of Date.now; undefined where none is remembered. */
  lastOf(instance: string): number | undefined;
  record(instances: readonly string[]): Promise<void>;
}

/** Remembered in the lab's state, whose lock the caller holds. */
export function failoverTimes({ paths, state }: Pick<Session, "paths" | "state">, now: () => number = Date.now): FailoverTimes {
  const times = new Map(Object.entries(state.failovers ?? {}).map(([id, time]) => [id, Date.parse(time)]));
  return {
    lastOf: (instance) => times.get(instance),
    async record(instances) {
      for (const id of instances) times.set(id, now());
      const failovers = Object.fromEntries([...times].map(([id, time]) => [id, new Date(time).toISOString()]));
      await writeState(paths, { ...(await readState(paths)), failovers });
    },
  };
}
