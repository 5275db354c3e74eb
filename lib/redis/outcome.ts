/** How an attempt to have a command done ended, where it was not done for certain, or may have been. */
export interface Failure {
  /** The server did not do it, and will not. */
  readonly certain: boolean;
  /** The word by which such failures are counted: the code of an error reply, an errno, the name of an error. */
  readonly code: string;
  readonly text: string;
}

/** Error replies with which a server refuses a command before it does anything (processCommand in server.c, getNodeByQuery in cluster.c). */
const REFUSALS: ReadonlySet<string> = new Set([
  "MOVED",
  "ASK",
  "TRYAGAIN",
  "CROSSSLOT",
  "CLUSTERDOWN",
  "READONLY",
  "NOREPLICAS",
  "MISCONF",
  "OOM",
  "LOADING",
  "MASTERDOWN",
  "BUSY",
  "NOAUTH",
  "NOPERM",
  "WRONGPASS",
  "WRONGTYPE",
]);

/** Connecting failed, so nothing was sent. Of a connection that was open the same errors say nothing certain. */
const NOT_CONNECTED: ReadonlySet<string> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EMFILE", "ENFILE"]);

/** Errors of node-redis for commands that it never wrote to a connection (lib/errors.js of @redis/client 6), and ours for the same. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ClientOfflineError",
  "ClientClosedError",
  "AbortError",
  "TimeoutError",
  "ConnectionTimeoutError",
  "RootNodesUnavailableError",
  "ReconnectStrategyError",
  "NoMasterNow",
]);

/** The refusal in an error text: the code at its beginning, as Redis writes it. @param text of an error reply, or of a client's error that begins with one */
export function failureOfText(text: string): Failure {
  const code = /^-?([A-Z]{3,20})(?= |$)/.exec(text)?.[1];
  if (code !== undefined) return { certain: REFUSALS.has(code), code, text };
  const errno = /\b(E[A-Z]{4,14})\b/.exec(text)?.[1];
  return { certain: errno !== undefined && NOT_CONNECTED.has(errno) && /connect/i.test(text), code: errno ?? "error", text };
}

/** Of an error of node-redis. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { certain: false, code: "error", text: String(error) };
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof code === "string" && syscall !== undefined)
    return { certain: syscall === "connect" && NOT_CONNECTED.has(code), code, text: error.message };
  const kind = error.constructor.name;
  if (NEVER_SENT.has(kind)) return { certain: true, code: kind, text: error.message || kind };
  const reply = failureOfText(error.message);
  return reply.code === "error" ? { ...reply, code: kind, text: error.message || kind } : reply;
}
