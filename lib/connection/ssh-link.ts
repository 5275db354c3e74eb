import type { Duplex } from "node:stream";
import pRetry from "p-retry";
import { Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { isLabError, type LabError } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { PATIENCE_MS } from "../base/patience.ts";
import { authenticationFailed, cannotConnect, givenUp, noCommonAlgorithm } from "./errors.ts";
import { hostKeyChanged, hostKeyOfAuthority, hostKeyRevoked, hostKeyUnknown } from "./host-key-errors.ts";
import { fingerprint, type HostKeyVerdict, KnownHosts, type KnownKey } from "./known-hosts.ts";
import { dialDirectly } from "./sockets.ts";
import { ComparedAlgorithms } from "./ssh-algorithms.ts";
import { jumpsOf, type SshEndpoint } from "./ssh-endpoint.ts";
import { dialForwarded } from "./ssh-forward.ts";
import { loginKeys } from "./ssh-keys.ts";

export interface SshOptions {
  /** As in `EndpointOptions`. */
  readonly ownMachine?: boolean;
  /** The lab's own known_hosts; made with the first pin. */
  readonly knownHostsFile: string;
  /** Called with keys that are pinned and of attempts that are repeated. */
  readonly emit?: Emit;
  /** Further attempts after a connect that failed, with back-off from 0.5 s; fewer where nobody answers. @default 3 */
  readonly retries?: number;
  /** Longest wait for the TCP connection, in milliseconds. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** Longest wait for handshake and login, in milliseconds: sshd may look up names for a minute (UseDNS, GSSAPI). @default 60000 */
  readonly readyTimeoutMs?: number;
  /** Pause between two keepalive questions, in milliseconds; three without an answer end the connection. @default 10000 */
  readonly keepaliveIntervalMs?: number;
  /** The interruption of the run: a connect that is under way is given up, and so is an open connection that does not answer within `PATIENCE_MS`. */
  readonly signal?: AbortSignal | undefined;
}

/** An SSH connection that is logged in. */
export interface SshLink {
  readonly client: Client;
  readonly endpoint: SshEndpoint;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>;
  isOpen(): boolean;
  /** Why the connection has ended, where that is known. */
  fault(): Error | undefined;
  close(): Promise<void>;
}

/**
 * Whether a fault of a connect may be gone at the next attempt; never one of authentication or of a host key. After a time-out there is none: the kernel has repeated
 * its packets meanwhile, and everybody waits for a host that is off.
 */
function isPassing(error: unknown, attempt: number): boolean {
  if (!isLabError(error)) return false;
  if (error.code === "connection.unreachable") return attempt === 1;
  return error.code === "connection.refused" || error.code === "connection.dropped";
}

/**
 * Connects and logs in, with back-off between attempts.
 *
 * @throws LabError `connection.*` of the catalogue
 */
export async function openLink(host: string, endpoint: SshEndpoint, options: SshOptions): Promise<SshLink> {
  const { signal } = options;
  const attempt = async () => {
    const link = await connectOnce(host, endpoint, options);
    // p-retry drops what an attempt has brought when the signal came meanwhile.
    if (signal?.aborted === true) await link.close();
    return link;
  };
  const connecting = pRetry(attempt, {
    signal,
    retries: options.retries ?? 3,
    minTimeout: 500,
    factor: 2,
    shouldRetry: ({ error, attemptNumber }) => isPassing(error, attemptNumber),
    onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
      if (retriesLeft === 0 || !isLabError(error) || !isPassing(error, attemptNumber)) return;
      options.emit?.({ type: "progress", host, step: "connect", detail: `attempt ${attemptNumber} failed (${error.code}); trying again` });
    },
  });
  return connecting.catch((error: unknown) => {
    throw signal?.aborted === true && !isLabError(error) ? givenUp(host, nameOf(endpoint)) : error;
  });
}

/** `user@host`, `user@host port 2222`, with ` through JUMP,JUMP`. */
export function nameOf(endpoint: SshEndpoint): string {
  const port = endpoint.port === 22 ? "" : ` port ${endpoint.port}`;
  const jumps = jumpsOf(endpoint);
  return `${endpoint.user}@${endpoint.address}${port}${jumps === undefined ? "" : ` through ${jumps}`}`;
}

async function connectOnce(host: string, endpoint: SshEndpoint, options: SshOptions): Promise<SshLink> {
  // Before the network: a missing key is not a reason to wait for it.
  const keys = await loginKeys(host, endpoint.user, endpoint);
  const pins = new KnownHosts(options.knownHostsFile, endpoint.knownHostsFiles);
  const name = endpoint.keyName;
  const pinned = await pins.keysOf(name);
  // Nothing may be awaited between this and `client.connect`: the end of the socket would pass unseen.
  const { socket, release } = await openSocket(host, endpoint, options);
  const where = nameOf(endpoint);
  const { signal } = options;
  const client = new Client();
  const algorithms = new ComparedAlgorithms();
  let refusal: unknown;
  let fault: Error | undefined;

  let open = false;
  // Every command waits for the end of the connection too.
  client.setMaxListeners(0);
  const ended = new Promise<void>((resolve) => {
    client.once("close", () => {
      open = false;
      release();
      resolve();
    });
  });

  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      signal?.removeEventListener("abort", interrupted);
      reject(error);
      client.destroy();
      socket.destroy();
    };
    client.once("ready", () => {
      signal?.removeEventListener("abort", interrupted);
      open = true;
      resolve();
    });
    const interrupted = () => fail(givenUp(host, where));
    if (signal?.aborted === true) interrupted();
    signal?.addEventListener("abort", interrupted, { once: true });
    void ended.then(() => fail(refusal ?? cannotConnect("dropped", host, where, fault)));
    // Stays for the life of the connection: an error event without a listener would end the process.
    client.on("error", (error: Error & { level?: string }) => {
      // A broken agent or a key that cannot sign is not the end: the next key is tried.
      if (error.level === "agent" || error.message.startsWith("Error while signing")) return;
      fault = error;
      if (open) return;
      if (refusal !== undefined) return fail(refusal);
      if (
        error.message === "All configured authentication methods failed" ||
        error.message.startsWith("Too many authentication failures")
      ) {
        return fail(authenticationFailed(host, where, keys.tried, error.message));
      }
      const lists = algorithms.lists(error.message);
      if (lists !== undefined) return fail(noCommonAlgorithm(host, where, lists, error));
      if (error.level === "client-timeout" || error.level === "handshake") return fail(cannotConnect("no-handshake", host, where, error));
      // ssh2 says "protocol" both for a line that is not SSH's and for a connection that ends before one came.
      if (error.level === "protocol" && !error.message.startsWith("Connection lost")) {
        return fail(cannotConnect("no-handshake", host, where, error));
      }
      fail(cannotConnect("dropped", host, where, error));
    });
    const login: ConnectConfig = {
      sock: socket as never,
      username: endpoint.user,
      debug: (line) => {
        if (!open) algorithms.note(line);
      },
      authHandler: [keys.method],
      readyTimeout: options.readyTimeoutMs ?? 60_000,
      keepaliveInterval: options.keepaliveIntervalMs ?? 10_000,
      keepaliveCountMax: 3,
      ...(pinned.length > 0 && { algorithms: { serverHostKey: preferred(pinned.map(({ type }) => type)) } }),
      hostVerifier: (presented: Buffer, verify: (accepted: boolean) => void) => {
        pins
          .verify(name, presented, { known: endpoint.knownOnly })
          .then((verdict) => {
            const print = fingerprint({ blob: presented.toString("base64") });
            refusal = refusalOf(verdict, { host, name, file: pins.file, presented: print, login: loginOf(endpoint) });
            if (verdict.kind === "pinned-now") {
              options.emit?.({
                type: "notice",
                level: "info",
                text: `${host}: first contact with ${name}: its host key ${print} is pinned`,
              });
            }
            verify(refusal === undefined);
          })
          .catch((error: unknown) => {
            refusal = error;
            verify(false);
          });
      },
    };
    try {
      client.connect(login);
    } catch (error) {
      fail(cannotConnect("no-handshake", host, where, error));
    }
  });
  endSilent({ client, socket, signal, ended, giveUp: () => (fault = givenUp(host, where)) });

  return {
    client,
    endpoint,
    ended,
    isOpen: () => open,
    fault: () => fault,
    async close() {
      client.end();
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
      // Not `client.destroy()` alone: once the stream was ended it does nothing (client.js of ssh2 1.17), and the socket of a host that has gone silent
      // would keep this process for as long as the kernel repeats the last packet (tcp_retries2: a quarter of an hour).
      client.destroy();
      socket.destroy();
      release();
    },
  };
}

/** Why a host with this key is not spoken to; undefined where it is the right one. */
function refusalOf(
  verdict: HostKeyVerdict,
  about: { readonly host: string; readonly name: string; readonly file: string; readonly presented: string; readonly login: string },
): LabError | undefined {
  const placeOf = ({ file, line }: KnownKey) => `${file} line ${line}`;
  switch (verdict.kind) {
    case "matches":
    case "pinned-now":
      return undefined;
    case "changed": {
      const file = verdict.pinned[0]?.file ?? about.file;
      return hostKeyChanged({ ...about, file, pinned: verdict.pinned.map(fingerprint) });
    }
    case "revoked":
      return hostKeyRevoked({ ...about, line: placeOf(verdict.by) });
    case "authority":
      return hostKeyOfAuthority({ ...about, line: placeOf(verdict.by) });
    case "unknown":
      return hostKeyUnknown(about);
    default:
      return verdict satisfies never;
  }
}

/** What `ssh` takes for it: `-p 2222 user@host`. */
function loginOf({ address, port, user }: SshEndpoint): string {
  return `${port === 22 ? "" : `-p ${port} `}${user}@${address}`;
}

/** After an interruption: ends a connection whose server is silent, asked again and again for as long as it is open. The keepalive would need half a minute for that. */
function endSilent({
  client,
  socket,
  signal,
  ended,
  giveUp,
}: {
  readonly client: Client;
  readonly socket: Duplex;
  readonly signal: AbortSignal | undefined;
  readonly ended: Promise<void>;
  readonly giveUp: () => void;
}): void {
  let timer: NodeJS.Timeout | undefined;
  const ask = () => {
    timer = setTimeout(() => {
      giveUp();
      client.destroy();
      socket.destroy();
    }, PATIENCE_MS);
    const answered = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PATIENCE_MS).unref();
    };
    try {
      // There is no such forwarding, and a server that lives says so: the question of the keepalive, for which ssh2 has no call.
      client.unforwardIn("127.0.0.1", 1, answered);
    } catch {
      clearTimeout(timer); // the connection has ended
    }
  };
  signal?.addEventListener("abort", ask, { once: true });
  void ended.then(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", ask);
  });
}

const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
];

/** Asks for keys of the pinned types first, as ssh does: a server that got a further key type later would seem changed otherwise. */
function preferred(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const isPinned = (algorithm: string) => types.includes(algorithm) || (algorithm.startsWith("rsa-sha2-") && types.includes("ssh-rsa"));
  return [...HOST_KEY_ALGORITHMS.filter(isPinned), ...HOST_KEY_ALGORITHMS.filter((algorithm) => !isPinned(algorithm))];
}

async function openSocket(
  host: string,
  endpoint: SshEndpoint,
  options: SshOptions,
): Promise<{ readonly socket: Duplex; readonly release: () => void }> {
  const timeoutMs = options.connectTimeoutMs ?? 10_000;
  if (endpoint.via === undefined) {
    const dialled = await dialDirectly(endpoint.address, endpoint.port, timeoutMs, options.signal);
    if ("failure" in dialled) throw cannotConnect(dialled.failure, host, nameOf(endpoint), dialled.cause);
    return { socket: dialled.socket, release: () => {} };
  }
  const { link, release } = await borrowJump(endpoint.via, options);
  const dialled = await dialForwarded(link, endpoint.address, endpoint.port, timeoutMs, options.signal).catch((error: unknown) => {
    release();
    throw error;
  });
  if ("failure" in dialled) {
    release();
    throw cannotConnect(dialled.failure, host, nameOf(endpoint), dialled.cause);
  }
  return { socket: dialled.socket, release };
}

/** Jump hosts in use: one connection each, however many hosts stand behind it; closed with the last of them. */
const jumps = new Map<string, { readonly link: Promise<SshLink>; users: number }>();

async function borrowJump(jump: SshEndpoint, options: SshOptions): Promise<{ readonly link: SshLink; readonly release: () => void }> {
  const key = JSON.stringify([jump, options.knownHostsFile]);
  let entry = jumps.get(key);
  if (entry === undefined) {
    // It belongs to no host of the lab: its errors say so, its events name none.
    const emit: Emit = (event) => options.emit?.(event.type === "notice" ? event : { ...event, host: undefined });
    const link = openLink(`jump host ${jump.label}`, jump, { ...options, emit });
    const fresh = { link, users: 0 };
    const forget = () => {
      if (jumps.get(key) === fresh) jumps.delete(key);
    };
    link.then(({ ended }) => ended.then(forget), forget);
    jumps.set(key, fresh);
    entry = fresh;
  }
  const borrowed = entry;
  borrowed.users += 1;
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    borrowed.users -= 1;
    if (borrowed.users > 0) return;
    if (jumps.get(key) === borrowed) jumps.delete(key);
    borrowed.link.then(
      (link) => link.close(),
      () => {},
    );
  };
  try {
    return { link: await borrowed.link, release };
  } catch (error) {
    release();
    throw error;
  }
}
