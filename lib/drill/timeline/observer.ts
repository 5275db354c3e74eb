import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import { isLabError } from "../../base/error.ts";
import { NO_TIMEOUT_MS, waitFor } from "../../base/wait.ts";
import { logTime } from "../../redis/log-line.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import { sentinelMasters } from "../../redis/sentinel-commands.ts";
import { subscribe } from "../../redis/subscription.ts";
import type { RedisClient } from "../../redis/types.ts";
import { micros } from "../clock.ts";
import type { EventLine } from "../history.ts";
import { HostClock } from "./clock.ts";
import { logEvent, type NameOf, SENTINEL_CHANNELS, type SeenEvent, sentinelEvent } from "./log-events.ts";
import { type PolledState, pollEvents, sentinelSnapshot, serverSnapshot } from "./poll-events.ts";

/** How the observer reaches the lab. Every connection is for it alone. */
export interface ObserverPorts {
  readonly instances: readonly ObservedInstance[];
  readonly connect: (instance: string) => Promise<RedisClient>;
  readonly stream: (instance: string) => Promise<Duplex>;
  /** Hands over each line that is written to the log from now on, until the signal ends it. @param onZone called first: minutes of the host's time zone from UTC */
  readonly follow: (
    instance: string,
    onZone: (minutes: number) => void,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** `HOST:PORT` of an address. */
  readonly nameOf: NameOf;
  readonly emit: (event: EventLine) => void;
}

export interface ObservedInstance {
  readonly id: string;
  readonly host: string;
  readonly kind: "redis" | "sentinel";
  readonly inCluster: boolean;
}

/** Pause between two looks at an instance, in milliseconds. A look that took longer is followed by as long a pause. */
const INTERVAL_MS = 40;
/** How long a look may take before the instance counts as silent, in milliseconds. */
const SILENT_MS = 1_000;
/** Looks from one look at the clock to the next. */
const CLOCK_EVERY = 50;

export interface Observer {
  stop(): Promise<void>;
}

/**
 * Watches a lab until it is stopped: each instance is asked on one connection, one question at a time, its log is followed, and sentinels are listened to. What can't be reached is news, never an error.
 */
export function startObserver(ports: ObserverPorts): Observer {
  const ending = new AbortController();
  const { signal } = ending;
  // Each instance listens to it, and there may be hundreds.
  setMaxListeners(0, signal);
  const clocks = new Map<string, HostClock>();
  for (const { host } of ports.instances) clocks.set(host, clocks.get(host) ?? new HostClock());
  /** Node ids of a cluster, as its nodes say them. */
  const names = new Map<string, string>();
  const nameOf: NameOf = (id) => names.get(id) ?? ports.nameOf(id);
  const context: Context = { ports, signal, clocks, names, nameOf };
  const loops = ports.instances.flatMap((instance) => [
    watch(context, instance),
    tail(context, instance),
    ...(instance.kind === "sentinel" ? [listen(context, instance)] : []),
  ]);
  return {
    async stop() {
      ending.abort();
      await Promise.allSettled(loops);
    },
  };
}

interface Context {
  readonly ports: ObserverPorts;
  readonly signal: AbortSignal;
  readonly clocks: ReadonlyMap<string, HostClock>;
  readonly names: Map<string, string>;
  readonly nameOf: NameOf;
}

async function watch({ ports, signal, clocks, names, nameOf }: Context, instance: ObservedInstance): Promise<void> {
  const { id, host } = instance;
  let client: RedisClient | undefined;
  let before: PolledState | undefined;
  let answers: boolean | undefined;
  let looks = 0;
  const tell = (event: SeenEvent, t: number, error: number) => ports.emit({ t, error, source: "poll", node: id, ...event });
  const look = async () => {
    const sent = micros();
    try {
      client = client === undefined || client.closed ? await ports.connect(id) : client;
      const asked = micros();
      const seen = await ask(client, instance, looks % CLOCK_EVERY === 0);
      const received = micros();
      looks += 1;
      if (answers === false) tell({ what: "process-back" }, received, received - asked);
      answers = true;
      if (seen.clock !== undefined) {
        const jumped = clocks.get(host)?.look({ sentMicros: asked, receivedMicros: received, saidMicros: seen.clock });
        if (jumped !== undefined) tell({ what: "clock-jumped", value: Math.round(jumped / 1000) }, received, received - asked);
      }
      if (seen.own !== undefined) names.set(seen.own, id);
      for (const event of pollEvents(before, seen.snapshot, nameOf)) tell(event, received, Math.max(received - sent, INTERVAL_MS * 1000));
      before = seen.snapshot;
    } catch (error) {
      if (!isLabError(error) && !(error instanceof RedisReplyError)) throw error;
      const now = micros();
      if (answers !== false && !signal.aborted) {
        const refused = isLabError(error) && /refused|lost|closed/.test(`${error.code} ${error.what}`);
        tell(refused ? { what: "process-gone" } : { what: "note", text: "it does not answer" }, now, now - sent);
      }
      answers = false;
      client?.close();
      client = undefined;
    }
    return { done: false as const, missing: "the end" };
  };
  await waitFor(look, { what: "the end of a drill", timeoutMs: NO_TIMEOUT_MS, intervalMs: INTERVAL_MS, signal }).catch((error: unknown) => {
    client?.close();
    if (!signal.aborted) throw error;
  });
}

interface Seen {
  readonly snapshot: PolledState;
  /** Microseconds since the epoch. */
  readonly clock: number | undefined;
  /** Its own node id. */
  readonly own: string | undefined;
}

async function ask(client: RedisClient, { kind, inCluster }: ObservedInstance, withClock: boolean): Promise<Seen> {
  const options = { timeoutMs: SILENT_MS };
  if (kind === "sentinel") return { snapshot: sentinelSnapshot(await sentinelMasters(client)), clock: undefined, own: undefined };
  const [info, nodes, time] = await Promise.all([
    client.call(["INFO", "replication"], options),
    inCluster ? client.call(["CLUSTER", "NODES"], options) : "",
    withClock ? client.call(["TIME"], options) : undefined,
  ]);
  const clock = Array.isArray(time) ? Number(time[0]) * 1e6 + Number(time[1]) : undefined;
  const own = /^([0-9a-f]{40}) .*\bmyself\b/m.exec(String(nodes))?.[1];
  return { snapshot: serverSnapshot(String(nodes), String(info)), clock, own };
}

/** Milliseconds of a log line are cut off, not rounded. */
const LINE_ERROR_MICROS = 1_000;

async function tail({ ports, signal, clocks, nameOf }: Context, { id, host }: ObservedInstance): Promise<void> {
  let zone = 0;
  const onLine = (line: string) => {
    const arrived = micros();
    const event = logEvent(line, nameOf);
    if (event === undefined) return;
    const at = logTime(line, zone, Date.now());
    const aligned = at === undefined ? undefined : clocks.get(host)?.toMonotonic(at * 1_000);
    // No line is read before it was written.
    const t = aligned === undefined ? arrived : Math.min(aligned.t, arrived);
    ports.emit({
      t: Math.max(0, t),
      error: aligned === undefined ? 1_000_000 : aligned.error + LINE_ERROR_MICROS,
      source: "log",
      node: id,
      ...event,
    });
  };
  try {
    const onZone = (minutes: number) => {
      zone = minutes;
    };
    await ports.follow(id, onZone, onLine, signal);
  } catch (error) {
    if (!signal.aborted)
      ports.emit({
        t: micros(),
        source: "log",
        node: id,
        what: "note",
        text: isLabError(error) ? error.what : "its log can't be read",
      });
  }
}

async function listen({ ports, signal, nameOf }: Context, { id }: ObservedInstance): Promise<void> {
  const look = async () => {
    const stream = await ports.stream(id).catch((error: unknown) => {
      if (isLabError(error)) return undefined;
      throw error;
    });
    if (stream === undefined) return { done: false as const, missing: "a connection" };
    const ended = new Promise<void>((resolve) => stream.once("close", resolve));
    const end = () => stream.destroy();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    subscribe(stream, Object.keys(SENTINEL_CHANNELS), (channel, message) => {
      const event = sentinelEvent(channel, message, nameOf);
      if (event !== undefined) ports.emit({ t: micros(), error: 1_000, source: "sentinel", node: id, ...event });
    });
    await ended;
    signal.removeEventListener("abort", end);
    return { done: false as const, missing: "the end" };
  };
  await waitFor(look, { what: "the end of a drill", timeoutMs: NO_TIMEOUT_MS, intervalMs: 100, signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
