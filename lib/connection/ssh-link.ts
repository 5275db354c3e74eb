import type { Duplex } from "node:stream";
import pRetry from "p-retry";
import { Client, type ServerHostKeyAlgorithm } from "ssh2";
import { isLabError } from "../error.ts";
import type { Emit } from "../events.ts";
import type { Login } from "../lab/targets.ts";
import { authenticationFailed, cannotConnect, hostKeyChanged } from "./errors.ts";
import { fingerprint, KnownHosts, knownHostName } from "./known-hosts.ts";
import { dialDirectly } from "./sockets.ts";
import { dialForwarded } from "./ssh-forward.ts";
import { loginKeys } from "./ssh-keys.ts";

export interface SshOptions {
  /** The lab's own known_hosts; made with the first pin. */
  readonly knownHostsFile: string;
  /** Told of keys that are pinned and of attempts that are repeated. */
  readonly emit?: Emit;
  /** Further attempts after a connect that failed, with back-off from 0.5 s; fewer where nobody answers. @default 3 */
  readonly retries?: number;
  /** Longest wait for the TCP connection, in milliseconds. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** Longest wait for handshake and login, in milliseconds: sshd may look up names for a minute (UseDNS, GSSAPI). @default 60000 */
  readonly readyTimeoutMs?: number;
  /** Pause between two keepalive questions, in milliseconds; three without an answer end the connection. @default 10000 */
  readonly keepaliveIntervalMs?: number;
}

/** Where an SSH server is and who logs in there. */
export interface SshEndpoint {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string | undefined;
  readonly jump: string | undefined;
  /** @default the SSH agent and the default keys, for the jump host as for the host */
  readonly jumpKeyFile: string | undefined;
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

export function endpointOf(settings: Login & { readonly address: string }): SshEndpoint {
  return {
    address: settings.host ?? settings.address,
    port: settings.port ?? 22,
    user: settings.user ?? "root",
    keyFile: settings.keyFile,
    jump: settings.jump,
    jumpKeyFile: settings.jumpKeyFile,
  };
}

/**
 * Connects and logs in, with back-off between attempts.
 *
 * @throws LabError `connection.*` of the catalogue
 */
export async function openLink(host: string, endpoint: SshEndpoint, options: SshOptions): Promise<SshLink> {
  const attempt = async () => {
    try {
      return await connectOnce(host, endpoint, options);
    } catch (error) {
      // p-retry takes a TypeError for a defect and others for passing; what is none of ours is a defect too.
      throw isLabError(error) ? error : cannotConnect("no-handshake", host, nameOf(endpoint), error);
    }
  };
  return pRetry(attempt, {
    retries: options.retries ?? 3,
    minTimeout: 500,
    factor: 2,
    shouldRetry: ({ error, attemptNumber }) => isPassing(error, attemptNumber),
    onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
      if (retriesLeft === 0 || !isLabError(error) || !isPassing(error, attemptNumber)) return;
      options.emit?.({ type: "progress", host, step: "connect", detail: `attempt ${attemptNumber} failed (${error.code}); trying again` });
    },
  });
}

/** `user@host`, `user@host port 2222`, with ` through JUMP`. */
export function nameOf(endpoint: SshEndpoint): string {
  const port = endpoint.port === 22 ? "" : ` port ${endpoint.port}`;
  return `${endpoint.user}@${endpoint.address}${port}${endpoint.jump === undefined ? "" : ` through ${endpoint.jump}`}`;
}

async function connectOnce(host: string, endpoint: SshEndpoint, options: SshOptions): Promise<SshLink> {
  // Before the network: a missing key is no reason to wait for it.
  const keys = await loginKeys(host, endpoint.user, endpoint);
  const pins = new KnownHosts(options.knownHostsFile);
  const name = knownHostName(endpoint.address, endpoint.port);
  const pinned = await pins.keysOf(name);
  // Nothing may be awaited between this and `client.connect`: the end of the socket would pass unseen.
  const { socket, release } = await openSocket(host, endpoint, options);
  const where = nameOf(endpoint);
  const client = new Client();
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
      reject(error);
      client.destroy();
      socket.destroy();
    };
    client.once("ready", () => {
      open = true;
      resolve();
    });
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
      if (error.level === "client-timeout" || error.level === "handshake") return fail(cannotConnect("no-handshake", host, where, error));
      // ssh2 says "protocol" both for a line that is not SSH's and for a connection that ends before one came.
      if (error.level === "protocol" && !error.message.startsWith("Connection lost")) {
        return fail(cannotConnect("no-handshake", host, where, error));
      }
      fail(cannotConnect("dropped", host, where, error));
    });
    client.connect({
      sock: socket as never,
      username: endpoint.user,
      authHandler: [...keys.methods],
      readyTimeout: options.readyTimeoutMs ?? 60_000,
      keepaliveInterval: options.keepaliveIntervalMs ?? 10_000,
      keepaliveCountMax: 3,
      ...(pinned.length > 0 && { algorithms: { serverHostKey: preferred(pinned.map(({ type }) => type)) } }),
      hostVerifier: (presented: Buffer, verify: (accepted: boolean) => void) => {
        pins
          .verify(name, presented)
          .then((verdict) => {
            const print = fingerprint({ blob: presented.toString("base64") });
            if (verdict.kind === "changed") {
              refusal = hostKeyChanged({ host, name, file: pins.file, pinned: verdict.pinned.map(fingerprint), presented: print });
            } else if (verdict.kind === "pinned-now") {
              options.emit?.({
                type: "notice",
                level: "info",
                text: `${host}: first contact with ${name}: its host key ${print} is pinned`,
              });
            }
            verify(verdict.kind !== "changed");
          })
          .catch((error: unknown) => {
            refusal = error;
            verify(false);
          });
      },
    });
  });

  return {
    client,
    endpoint,
    ended,
    isOpen: () => open,
    fault: () => fault,
    async close() {
      client.end();
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
      client.destroy();
      release();
    },
  };
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
  if (endpoint.jump === undefined) {
    const dialled = await dialDirectly(endpoint.address, endpoint.port, timeoutMs);
    if ("failure" in dialled) throw cannotConnect(dialled.failure, host, nameOf(endpoint), dialled.cause);
    return { socket: dialled.socket, release: () => {} };
  }
  const { link, release } = await borrowJump(endpoint.jump, endpoint, options);
  const dialled = await dialForwarded(link, endpoint.address, endpoint.port, timeoutMs);
  if ("failure" in dialled) {
    release();
    throw cannotConnect(dialled.failure, host, nameOf(endpoint), dialled.cause);
  }
  return { socket: dialled.socket, release };
}

/** Jump hosts in use: one connection each, however many hosts stand behind it; closed with the last of them. */
const jumps = new Map<string, { readonly link: Promise<SshLink>; users: number }>();

async function borrowJump(
  jump: string,
  behind: SshEndpoint,
  options: SshOptions,
): Promise<{ readonly link: SshLink; readonly release: () => void }> {
  const [, user = behind.user, address = jump, port = "22"] = /^(?:([^@]+)@)?([^:]+)(?::(\d+))?$/.exec(jump) ?? [];
  const key = JSON.stringify([user, address, port, behind.jumpKeyFile, options.knownHostsFile]);
  let entry = jumps.get(key);
  if (entry === undefined) {
    // It belongs to no host of the lab: its errors say so, its events name none.
    const emit: Emit = (event) => options.emit?.(event.type === "notice" ? event : { ...event, host: undefined });
    const bastion = { address, port: Number(port), user, keyFile: behind.jumpKeyFile, jump: undefined, jumpKeyFile: undefined };
    const link = openLink(`jump host ${jump}`, bastion, { ...options, emit });
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
