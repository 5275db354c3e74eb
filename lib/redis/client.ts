import { isAscii } from "node:buffer";
import type { Duplex } from "node:stream";
import { Decoder } from "@redis/client/dist/lib/RESP/decoder.js";
import encoder from "@redis/client/dist/lib/RESP/encoder.js";
import { isSystemError } from "../base/error.ts";
import { afterOwnTime, type OwnTime } from "../base/own-time.ts";
import { afterPatience, PATIENCE_MS } from "../base/patience.ts";
import { Queue } from "../base/queue.ts";
import { BYTES, batched, plain, recordingMapping, redact, type TypeMapping, typed } from "./decoding.ts";
import {
  callTimeout,
  clientClosed,
  connectionLost,
  connectionRefusedByServer,
  givenUp,
  notRedis,
  replyTooLong,
  unreachable,
  wrongPassword,
} from "./errors.ts";
import { LONGEST_REPLY, LONGEST_VALUE, ReplyBound, ReplyTooLong } from "./reply-bound.ts";
import { RedisReplyError } from "./reply-error.ts";
import type { Argument, BatchReply, CallOptions, Credentials, Dial, RedisClient, Reply, TypedReply } from "./types.ts";

/** The encoder is CommonJS: Node gives the module as its default, bundlers and the test runner the function itself. */
const encodeCommand: typeof encoder.default = typeof encoder === "function" ? encoder : encoder.default;

export interface ConnectOptions {
  /** Tried in order; none means that no AUTH is sent. */
  readonly passwords: readonly string[];
  /** ACL user that the passwords belong to, known from Redis 6.0 on. @default the server's default user */
  readonly user?: string | undefined;
  /** Longest wait for the connection, and for each reply, in milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined;
  /**
   * The interruption of the run. Calls go on being answered after it, so that what was begun can be brought to its end; but a server that is silent for longer than `PATIENCE_MS` is given up, and so
   * is every further connection to it.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Servers that were given up after an interruption, by `ADDRESS:PORT`. */
const silent = new WeakMap<AbortSignal, Set<string>>();

function giveUp(address: string, signal: AbortSignal | undefined): void {
  if (signal !== undefined) silent.set(signal, (silent.get(signal) ?? new Set()).add(address));
}

/**
 * Connects and authenticates. An instance without a password counts as authenticated, so does a 4.0 Sentinel, which has no AUTH.
 *
 * @throws LabError `redis.unreachable`, `redis.wrong-password`, `redis.refused` (maxclients, protected mode), `redis.timeout`, `redis.connection-lost`, `redis.given-up`
 */
export async function connectRedis(
  endpoint: { readonly address: string; readonly port: number },
  dial: Dial,
  options: ConnectOptions,
): Promise<RedisClient> {
  return connectPipelined(endpoint, dial, options);
}

/**
 * The same connection as a bare stream, authenticated and with nothing read from it: for what is not an exchange of questions and replies (SYNC). The caller ends it.
 *
 * @throws LabError as `connectRedis`
 */
export async function connectStream(
  endpoint: { readonly address: string; readonly port: number },
  dial: Dial,
  options: ConnectOptions,
): Promise<Duplex> {
  return (await connectPipelined(endpoint, dial, options)).handOver();
}

async function connectPipelined(
  endpoint: { readonly address: string; readonly port: number },
  dial: Dial,
  options: ConnectOptions,
): Promise<PipelinedClient> {
  const address = `${endpoint.address}:${endpoint.port}`;
  const timeoutMs = options.timeoutMs ?? 5_000;
  const { signal } = options;
  if (signal !== undefined && silent.get(signal)?.has(address)) throw givenUp(address, "before, and is not asked");
  const stream = await dialWithin(endpoint, dial, timeoutMs, signal);
  const client = new PipelinedClient(address, stream, timeoutMs, signal);
  try {
    client.credentials = await authenticate(client, options);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

async function dialWithin(
  endpoint: { readonly address: string; readonly port: number },
  dial: Dial,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const address = `${endpoint.address}:${endpoint.port}`;
  const dialled = dial(endpoint.address, endpoint.port);
  let late: OwnTime | undefined;
  let stopWatching = () => {};
  try {
    return await Promise.race([
      dialled,
      new Promise<never>((_, reject) => {
        late = afterOwnTime(timeoutMs, () => reject(callTimeout(address, "the connection", timeoutMs)));
        stopWatching = afterPatience(signal, () => {
          giveUp(address, signal);
          reject(givenUp(address, "the connection"));
        });
      }),
    ]);
  } catch (error) {
    // A stream that arrives after the time is over has no owner.
    dialled.then(
      (stream) => stream.destroy(),
      () => undefined,
    );
    throw isSystemError(error) ? unreachable(address, error) : error;
  } finally {
    late?.cancel();
    stopWatching();
  }
}

/** What the server accepted; undefined where it asks for nothing. */
async function authenticate(client: RedisClient, { passwords, user }: ConnectOptions): Promise<Credentials | undefined> {
  if (passwords.length === 0) return undefined;
  const who = user === undefined ? {} : { user };
  for (const password of passwords) {
    try {
      await client.call(["AUTH", ...Object.values(who), password]);
      return { ...who, password };
    } catch (error) {
      if (!(error instanceof RedisReplyError)) throw error;
      if (/no password is set|without any password configured|unknown command/i.test(error.message)) return undefined;
      if (!/invalid password|WRONGPASS/i.test(error.message)) throw connectionRefusedByServer(client.address, error.message);
    }
  }
  throw wrongPassword(client.address, passwords.length);
}

type Outcome = { readonly value: unknown } | { readonly error: string };

interface Pending {
  readonly name: string;
  /** Which JavaScript types the decoder makes of this reply. */
  readonly mapping: TypeMapping;
  /** See CallOptions. */
  readonly worksMs: number;
  settle(outcome: Outcome): void;
  fail(error: Error): void;
}

/** RESP2 over one stream: calls are written at once and answered in order. It never reconnects. */
class PipelinedClient implements RedisClient {
  readonly address: string;
  credentials: Credentials | undefined;
  readonly #stream: Duplex;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  /** Runs after an interruption, from one answer to the next. */
  #silence: OwnTime | undefined;
  readonly #pending = new Queue<Pending>();
  #ended: ((name: string) => Error) | undefined;
  /** What the server said before it was asked: it does so just before it hangs up. */
  #lastWords: string | undefined;
  /** What a reply may take in memory, in bytes; more on a connection that was asked for values. */
  #longest = LONGEST_REPLY;
  /** What leaves at the end of this turn, one character a byte. */
  #outgoing: string[] = [];

  constructor(address: string, stream: Duplex, timeoutMs: number, signal: AbortSignal | undefined) {
    this.address = address;
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#awaitAnswer, { once: true });
    const decoder = new Decoder({
      onReply: (value: unknown) => {
        this.#pending.shift()?.settle({ value });
        if (this.#silence !== undefined) this.#awaitAnswer();
      },
      onErrorReply: ({ message }) => {
        const asked = this.#pending.shift();
        if (asked) asked.settle({ error: message });
        else this.#lastWords = message;
        if (this.#silence !== undefined) this.#awaitAnswer();
      },
      onPush: () => undefined,
      getTypeMapping: () => this.#pending.first?.mapping ?? {},
    });
    const bound = new ReplyBound();
    stream.on("data", (chunk: Buffer) => {
      try {
        bound.take(chunk, this.#longest);
        decoder.write(chunk);
      } catch (error) {
        if (error instanceof ReplyTooLong) return this.#end((name) => replyTooLong(address, name, error.longest));
        const detail = error instanceof Error ? error.message : String(error);
        this.#end(() => notRedis(address, detail));
      }
    });
    const lost = (reason: string) => this.#end((name) => connectionLost(address, name, this.#lastWords ?? reason));
    // The listener for errors stays for ever: an error after the end must not become an uncaught one.
    stream.on("error", (error: Error) => lost(error.message));
    stream.once("end", () => lost("the other side closed it"));
    stream.once("close", () => lost("it was closed"));
  }

  get closed(): boolean {
    return this.#ended !== undefined;
  }

  async call(command: readonly Argument[], options?: CallOptions): Promise<Reply> {
    const outcome = await this.#send(command, {}, options);
    if ("error" in outcome) throw new RedisReplyError(redact(outcome.error, command));
    return plain(outcome.value, command);
  }

  async callTyped(command: readonly Argument[], options?: CallOptions): Promise<TypedReply> {
    const { mapping, kinds } = recordingMapping();
    this.#longest = LONGEST_VALUE;
    const outcome = await this.#send(command, mapping, options);
    return "error" in outcome ? { type: "error", value: outcome.error } : typed(outcome.value, kinds[Symbol.iterator]());
  }

  async callAll(commands: readonly (readonly Argument[])[], options?: CallOptions): Promise<readonly BatchReply[]> {
    const ended = this.#ended;
    const [first] = commands;
    if (first === undefined) return [];
    if (ended !== undefined) throw ended(commandName(first));
    const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const replies: BatchReply[] = [];
      const unanswered = () => commandName(commands[replies.length] ?? first);
      const timer = afterOwnTime(timeoutMs, () => reject(callTimeout(this.address, unanswered(), timeoutMs)));
      const fail = (error: Error) => {
        timer.cancel();
        reject(error);
      };
      for (const command of commands) {
        const settle = (outcome: Outcome) => {
          replies.push("error" in outcome ? new RedisReplyError(redact(outcome.error, command)) : batched(outcome.value, command));
          if (replies.length < commands.length) {
            timer.refresh();
            return;
          }
          timer.cancel();
          resolve(replies);
        };
        this.#write(command, { name: commandName(command), mapping: BYTES, worksMs: options?.worksMs ?? 0, settle, fail });
      }
    });
  }

  close(): void {
    this.#end((name) => clientClosed(this.address, name));
  }

  /** Gives the stream away; this client is closed from then on. Nothing may be unanswered. */
  handOver(): Duplex {
    this.#ended = (name) => clientClosed(this.address, name);
    this.#stopWatching();
    this.#stream.pause();
    this.#stream.removeAllListeners("data");
    return this.#stream;
  }

  #send(command: readonly Argument[], mapping: TypeMapping, options: CallOptions | undefined): Promise<Outcome> {
    const name = commandName(command);
    const ended = this.#ended;
    if (ended !== undefined) return Promise.reject(ended(name));
    return new Promise((settle, fail) => {
      const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
      // A call that was given up keeps its place in the queue: its reply may still come, and belongs to nobody else.
      const timer = afterOwnTime(timeoutMs, () => fail(callTimeout(this.address, name, timeoutMs)));
      this.#write(command, {
        name,
        mapping,
        worksMs: options?.worksMs ?? 0,
        settle: (outcome) => {
          timer.cancel();
          settle(outcome);
        },
        fail: (error) => {
          timer.cancel();
          fail(error);
        },
      });
    });
  }

  #write(command: readonly Argument[], pending: Pending): void {
    this.#pending.push(pending);
    if (pending.name === "DUMP") this.#longest = LONGEST_VALUE;
    if (this.#signal?.aborted === true && this.#silence === undefined) this.#awaitAnswer();
    // What is asked in one turn leaves in one packet: a move of slots asks a hundred things at once.
    if (this.#outgoing.length === 0) process.nextTick(() => this.#flush());
    for (const part of encodeCommand(command.map(encodable))) {
      if (typeof part !== "string" && part.length > LARGE) {
        this.#flush();
        this.#stream.write(part);
      } else this.#outgoing.push(asBytes(part));
    }
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return;
    const text = this.#outgoing.join("");
    this.#outgoing = [];
    if (this.#ended === undefined) this.#stream.write(text, "latin1");
  }

  #end(reason: (name: string) => Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#stopWatching();
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) next.fail(reason(next.name));
    this.#stream.removeAllListeners("data");
    this.#stream.destroy();
  }

  /** After an interruption: the next answer has to come in time. */
  readonly #awaitAnswer = (): void => {
    this.#silence?.cancel();
    const { first } = this.#pending;
    this.#silence =
      first &&
      afterOwnTime(PATIENCE_MS + first.worksMs, () => {
        giveUp(this.address, this.#signal);
        this.#end((name) => givenUp(this.address, name));
      });
  };

  #stopWatching(): void {
    this.#silence?.cancel();
    this.#silence = undefined;
    this.#signal?.removeEventListener("abort", this.#awaitAnswer);
  }
}

/** A value of more bytes is not copied. */
const LARGE = 16_384;

/** An argument as the encoder takes it. Short bytes that are ASCII are a string to it: it joins those by itself. */
function encodable(word: Argument): string | Buffer {
  if (typeof word === "string") return word;
  if (typeof word === "number") return String(word);
  return word.length <= LARGE && isAscii(word) ? word.toString("latin1") : word;
}

/** The bytes of a part of a command, one character each: strings are joined in no time, and written as they are. */
function asBytes(part: string | Buffer): string {
  if (typeof part !== "string") return part.toString("latin1");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters of one byte in UTF-8
  return /[^\x00-\x7f]/.test(part) ? Buffer.from(part).toString("latin1") : part;
}

/** `GET`, `CONFIG SET`: never an argument, which may be a secret. */
function commandName(command: readonly Argument[]): string {
  const [verb = "", next] = command.slice(0, 2).map((word) => String(word).toUpperCase());
  return /^(CLUSTER|CONFIG|SENTINEL|CLIENT|DEBUG|SCRIPT|SLOWLOG|MEMORY|LATENCY)$/.test(verb) && next !== undefined
    ? `${verb} ${next}`
    : verb;
}
