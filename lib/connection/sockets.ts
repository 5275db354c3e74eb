import { connect, type Socket } from "node:net";
import type { ProbeResult } from "./connection.ts";

/** Defaults of `Connection.dial` and `Connection.probe`, in milliseconds. */
export const DIAL_TIMEOUT_MS = 10_000;
export const PROBE_TIMEOUT_MS = 3_000;

/** A socket, or why there is none. */
export type Dialled = { readonly socket: Socket } | { readonly failure: Exclude<ProbeResult, "open">; readonly cause: unknown };

const FAILURES: Readonly<Record<string, Exclude<ProbeResult, "open">>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused",
  ETIMEDOUT: "timeout",
  // A packet filter that rejects with "administratively prohibited", or a local one.
  EACCES: "forbidden",
  EPERM: "forbidden",
};

/** Connects from this computer. Never rejects. */
export function dialDirectly(address: string, port: number, timeoutMs: number): Promise<Dialled> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve({ failure: "timeout", cause: undefined });
    }, timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve({ socket });
    });
    // Stays on the socket: a fault after the time-out, or before the caller listens, must not end the process.
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ failure: FAILURES[cause.code ?? ""] ?? "unreachable", cause });
    });
  });
}
