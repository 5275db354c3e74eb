import { isLabError } from "../../base/error.ts";
import { megabytes } from "../../base/text.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import type { PlacedInstance } from "../../lab/placement.ts";
import { linkOf, type ReplicaLink, UNHEARD_SECONDS } from "../../redis/health.ts";
import { type ReachableServer, type ServerObservation, serverAt, type UnreachableInstance } from "../../redis/server.ts";
import type { EngineInstance } from "../../redis/types.ts";
import type { Session } from "../session.ts";
import type { StatusRow } from "./row.ts";

// What the rows of all layouts use.

/** Longest wait for an instance to come back, in milliseconds: loading a few GiB from disk takes minutes. */
const SETTLE_TIMEOUT_MS = 300_000;

export const found: Attempt<undefined> = { done: true, value: undefined };

export function missing(what: string): Attempt<undefined> {
  return { done: false, missing: what };
}

/** What a redis-server says of itself, as far as its being back in its place goes. */
type SaidOfServer =
  | { readonly reachable: false; readonly error: string }
  | {
      readonly reachable: true;
      readonly loading: boolean;
      readonly role: "master" | "replica";
      readonly masterLink: "up" | "down" | undefined;
    };

/** One look whether a restarted redis-server has loaded its data and is in step with its master. */
export function serverIsBack(said: SaidOfServer | undefined): Attempt<undefined> {
  if (said === undefined || !said.reachable) return missing(said?.error ?? "no answer");
  if (said.loading) return missing("it is loading its data");
  return said.role === "replica" && said.masterLink !== "up" ? missing("it is catching up with its master") : found;
}

/** Whether a replica has no link to its master though that answers, or is being sent all of its data. */
export function isUnlinked(
  said: ServerObservation | undefined,
  seen: ReadonlyMap<string, ServerObservation>,
  servers: readonly EngineInstance[],
): boolean {
  if (said?.reachable !== true || said.role !== "replica" || said.loading || said.masterLink === "up") return false;
  const master = seen.get(serverAt(servers, said.masterAddress, said.masterPort)?.id ?? "");
  return master?.reachable === true && master.role === "master" && !master.loading;
}

export async function waitUntilSettled(
  id: string,
  signal: AbortSignal | undefined,
  look: () => Promise<Attempt<undefined>>,
): Promise<void> {
  // A connection that ended with the old process is opened again by the next look.
  const patient = () => look().catch((error: unknown) => (isLabError(error) ? missing(error.what) : Promise.reject(error)));
  await waitFor(patient, {
    what: `${id} to be back in its place`,
    timeoutMs: SETTLE_TIMEOUT_MS,
    intervalMs: 200,
    signal,
  });
}

/** @param idle it owns nothing that could be asked for */
export function warnOfOutage(emit: Session["emit"], id: string, idle: boolean): false {
  if (!idle)
    emit({ type: "notice", level: "warning", text: `${id} is a master without a replica: its keys can't be reached while it restarts.` });
  return false;
}

/** The part of a row that the placement tells. */
export function placeOf({ host, id, address, port }: PlacedInstance): Pick<StatusRow, "host" | "instance" | "address"> {
  return { host, instance: id, address: `${address}:${port}` };
}

/** The rest of the row of an instance that does not answer. */
export function silentPart(said: Pick<UnreachableInstance, "error" | "nothingListens" | "next"> | undefined) {
  return {
    role: "unknown",
    state: said?.nothingListens === true ? "down" : "silent",
    slots: "",
    slotCount: 0,
    master: "",
    version: "",
    note: said?.nothingListens === true ? "nothing listens there" : (said?.error ?? "it was not looked at"),
    ...(said?.next !== undefined && { next: said.next }),
  } as const;
}

/** A replica is worth a word from here on: one write of a large value is under way for a moment. */
const LAG_BYTES = 1e6;

/** What there is to say of the link of a replica; empty where all is well. */
export function linkNote(link: ReplicaLink | undefined): string {
  if (link === undefined) return "";
  const { state, lagBytes = 0, seconds = 0, syncing } = link;
  if (state === "down") return `link to its master is down${syncing ? ", synchronising" : seconds > 0 ? ` for ${seconds} s` : ""}`;
  return [
    ...(lagBytes >= LAG_BYTES ? [`${megabytes(lagBytes)} behind`] : []),
    ...(seconds >= UNHEARD_SECONDS ? [`master unheard for ${seconds} s`] : []),
  ].join(", ");
}

/** A redis-server that answers, as a row of a layout without slots. */
export function serverRow(
  instance: PlacedInstance,
  said: ReachableServer,
  /** Ids by `ADDRESS:PORT`. */
  byAddress: ReadonlyMap<string, string>,
  observation: ReadonlyMap<string, ServerObservation>,
): StatusRow {
  const master = `${said.masterAddress}:${said.masterPort}`;
  const sender = observation.get(byAddress.get(master) ?? "");
  const link = linkOf(said, sender?.reachable === true ? sender : undefined);
  return {
    ...placeOf(instance),
    role: said.role,
    state: said.loading ? "loading" : "up",
    slots: "",
    slotCount: 0,
    master: said.role === "master" ? "" : (byAddress.get(master) ?? master),
    version: said.version.text,
    link,
    note: linkNote(link),
  };
}

/** Where an instance listens, and nothing else of it. */
export function endpointOf({ address, port }: Pick<PlacedInstance, "address" | "port">): {
  readonly address: string;
  readonly port: number;
} {
  return { address, port };
}
