import type { RedisClient } from "../../redis/types.ts";

/** Measures what clients feel: the slowest of the last PINGs to some servers. */
export interface LatencyProbe {
  /** In milliseconds; a PING that is still out counts with the time that it has been out. */
  current(): number;
  close(): void;
}

/** Time between two PINGs to the same server, in milliseconds. */
const INTERVAL_MS = 20;
/** How many of the last PINGs to a server count. */
const WINDOW = 5;

/** Takes over the connections, which have to be of its own: a PING behind a MIGRATE on the same one would measure that. */
export function probeLatency(clients: readonly RedisClient[], now: () => number = () => performance.now()): LatencyProbe {
  const last = clients.map((): number[] => []);
  const out = clients.map((): number | undefined => undefined);
  const ping = (client: RedisClient, index: number): void => {
    if (client.closed || out[index] !== undefined) return;
    const sent = now();
    out[index] = sent;
    client
      .call(["PING"])
      .then(
        () => {
          const ms = now() - sent;
          last[index] = [...(last[index] ?? []), ms].slice(-WINDOW);
        },
        () => undefined, // a server that is gone has no latency; the move itself finds that out
      )
      .finally(() => {
        out[index] = undefined;
      });
  };
  const timer = setInterval(() => clients.forEach(ping), INTERVAL_MS);
  timer.unref();
  return {
    current: () => {
      const waiting = out.flatMap((sent) => (sent === undefined ? [] : [now() - sent]));
      return Math.max(0, ...last.flat(), ...waiting);
    },
    close() {
      clearInterval(timer);
      for (const client of clients) client.close();
    },
  };
}
