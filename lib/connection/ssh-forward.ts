import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { afterPatience } from "../base/patience.ts";
import type { ProbeResult } from "./connection.ts";
import { givenUp } from "./errors.ts";

export type Forwarded = { readonly socket: Duplex } | Failed;
interface Failed {
  readonly failure: Exclude<ProbeResult, "open">;
  /** The server gave no reason beyond "it failed": the true one may be another. */
  readonly vague: boolean;
  /** The SSH connection itself had ended. ssh2 knows that a moment before `isOpen` of the link does. */
  readonly ended: boolean;
  readonly cause: Error | undefined;
}

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED of RFC 4254, 5.1. */
const PROHIBITED = 1;

/** A TCP connection that the SSH server makes for us (direct-tcpip). Rejects after an interruption alone. @throws LabError `connection.given-up` */
export function dialForwarded(
  link: { readonly client: Client },
  address: string,
  port: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Forwarded> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      stopWatching();
      resolve({ failure: "timeout", vague: false, ended: false, cause: undefined });
    }, timeoutMs);
    const stopWatching = afterPatience(signal, () => {
      late = true;
      clearTimeout(timer);
      reject(givenUp("over SSH", `${address}:${port}`));
    });
    const fail = (error: Error & { reason?: unknown }, ended: boolean) => {
      clearTimeout(timer);
      stopWatching();
      resolve({ ...failureOf(error), ended, cause: error });
    };
    try {
      // The origin is only for the server's log.
      link.client.forwardOut("127.0.0.1", 0, address, port, (error, channel) => {
        if (error) return fail(error, false);
        if (late) return channel.destroy();
        clearTimeout(timer);
        stopWatching();
        // A reader that has gone must not end the process when the connection breaks later.
        channel.on("error", () => {});
        resolve({ socket: channel });
      });
    } catch (error) {
      fail(error as Error, true);
    }
  });
}

/** For a connection that failed later, OpenSSH gives the text of errno (channels.c); for one that failed at once, and for a forbidden one, "open failed". */
function failureOf(error: Error & { reason?: unknown }): Pick<Failed, "failure" | "vague"> {
  const { message, reason } = error;
  if (reason === PROHIBITED) return { failure: "forbidden", vague: true };
  if (/timed out/i.test(message)) return { failure: "timeout", vague: false };
  if (/No route|unreachable|Name or service|resolve|unknown host/i.test(message)) return { failure: "unreachable", vague: false };
  if (/open failed$/.test(message)) return { failure: "unreachable", vague: true };
  return { failure: typeof reason === "number" ? "refused" : "unreachable", vague: false };
}
