import type { ApplicationClient } from "../../redis/application-client.ts";
import type { Writer } from "../history.ts";
import type { ClientProgram } from "./program-client.ts";
import type { LoadSettings, Traffic } from "./settings.ts";
import type { Counts, LoadSummary } from "./summary.ts";

/** What a worker is to do: one JSON document on its standard input. */
export interface WorkerTask {
  readonly settings: LoadSettings;
  readonly traffic: Traffic;
  /** Undefined where the servers ask for none. */
  readonly password: string | undefined;
  /** What all keys of the load begin with. */
  readonly prefix: string;
  readonly operationsFile: string;
  /** `run`: load, and remove the keys at the end unless they are kept; `remove`: only remove the keys of an earlier load. */
  readonly mode: "run" | "remove";
  readonly keep: boolean;
  /** What is under test. @default node-redis, as applications use it */
  readonly program?: ClientProgram | undefined;
}

/** What a worker says: one line each on its standard output. */
export type WorkerLine =
  | { readonly k: "began"; readonly beganAt: number; readonly writers: readonly Writer[] }
  | { readonly k: "second"; readonly counts: Counts }
  | { readonly k: "ending" }
  | { readonly k: "removing" }
  | { readonly k: "summary"; readonly summary: LoadSummary }
  /** Keys were removed, or those that could not be are left. */
  | { readonly k: "removed"; readonly removed: number; readonly left: number }
  | { readonly k: "failed"; readonly what: string };

/** The client for a kind of traffic. The modules of node-redis are loaded with it. @throws where no server answers */
export async function openApplicationClient(
  traffic: Traffic,
  options: { readonly password: string | undefined; readonly timeoutMs: number },
): Promise<ApplicationClient> {
  switch (traffic.client) {
    case "cluster":
      return (await import("../../redis/cluster-client.ts")).openClusterClient(traffic.nodes, options);
    case "sentinel": {
      const names = traffic.shards.map(({ name }) => name);
      return (await import("../../redis/master-client.ts")).openSentinelClient(traffic, names, options);
    }
    case "master": {
      const masters = traffic.shards.map(({ master, others = [] }) => [master, ...others]);
      return (await import("../../redis/master-client.ts")).openMasterClient(masters, options);
    }
    default:
      return traffic satisfies never;
  }
}
