import { connect, type Socket } from "node:net";
import { afterPatience } from "../base/patience.ts";
import type { ProbeResult } from "./connection.ts";
import { givenUp, tooManyOpenFiles } from "./errors.ts";

/** Defaults of `Connection.dial` and `Connection.probe`, in milliseconds. Linux sends a SYN again after 1, 3 and 7 s: a port that is open but slow must not be called filtered. */
export const DIAL_TIMEOUT_MS = 10_000;
export const PROBE_TIMEOUT_MS = 10_000;

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

/** What an errno of connect(2) says of the other end. */
export function failureOf(errno: string | undefined): Exclude<ProbeResult, "open"> {
  return FAILURES[errno ?? ""] ?? "unreachable";
}

/** Faults of this computer, which say nothing of the other end. */
export const OUT_OF_FILES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE"]);

/**
 * Connects from this computer. Rejects for a fault of this computer and after an interruption alone.
 *
 * @throws LabError `connection.open-files`, `connection.given-up`
 */
export function dialDirectly(address: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const timer = setTimeout(() => {
      stopWatching();
      socket.destroy();
      resolve({ failure: "timeout", cause: undefined });
    }, timeoutMs);
    const stopWatching = afterPatience(signal, () => {
      clearTimeout(timer);
      socket.destroy();
      reject(givenUp("this computer", `${address}:${port}`));
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      stopWatching();
      resolve({ socket });
    });
    // Stays on the socket: a fault after the time-out, or before the caller listens, must not end the process.
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      stopWatching();
      if (OUT_OF_FILES.has(cause.code)) reject(tooManyOpenFiles(cause));
      else resolve({ failure: failureOf(cause.code), cause });
    });
  });
}
