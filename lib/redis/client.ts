import { isAscii } from "node:buffer";
import type { Duplex } from "node:stream";
import { Decoder, RESP_TYPES } from "@redis/client/dist/lib/RESP/decoder.js";
import encoder from "@redis/client/dist/lib/RESP/encoder.js";
import { isLabError } from "../error.ts";
import { callTimeout, clientClosed, connectionLost, connectionRefusedByServer, notRedis, unreachable, wrongPassword } from "./errors.ts";
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
  readonly timeoutMs?: number;
}

/**
 * Connects and authenticates. An instance without a password counts as authenticated, so does a 4.0 Sentinel, which has no AUTH.
 *
 * @throws LabError `redis.unreachable`, `redis.wrong-password`, `redis.refused` (maxclients, protected mode), `redis.timeout`, `redis.connection-lost`
 */
export async function connectRedis(
  endpoint: { readonly address: string; readonly port: number },
  dial: Dial,
  options: ConnectOptions,
): Promise<RedisClient> {
  return connectPipelined(endpoint, dial, options);
}

/**
 * The same connection as a bare stream, authenticated and with nothing read from it: for what is no exchange of questions and replies (SYNC). The caller ends it.
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
  const stream = await dialWithin(endpoint, dial, timeoutMs);
  const client = new PipelinedClient(address, stream, timeoutMs);
  try {
    client.credentials = await authenticate(client, options);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

async function dialWithin(endpoint: { readonly address: string; readonly port: number }, dial: Dial, timeoutMs: number): Promise<Duplex> {
  const address = `${endpoint.address}:${endpoint.port}`;
  const dialled = dial(endpoint.address, endpoint.port);
  let late: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      dialled,
      new Promise<never>((_, reject) => {
        late = setTimeout(() => reject(callTimeout(address, "the connection", timeoutMs)), timeoutMs);
      }),
    ]);
  } catch (error) {
    // A stream that arrives after the time is over has no owner.
    dialled.then(
      (stream) => stream.destroy(),
      () => undefined,
    );
    throw isLabError(error) ? error : unreachable(address, error);
  } finally {
    clearTimeout(late);
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
  settle(outcome: Outcome): void;
  fail(error: Error): void;
}

type TypeMapping = ReturnType<Decoder["getTypeMapping"]>;

/** RESP2 over one stream: calls are written at once and answered in order. It never reconnects. */
class PipelinedClient implements RedisClient {
  readonly address: string;
  credentials: Credentials | undefined;
  readonly #stream: Duplex;
  readonly #timeoutMs: number;
  readonly #pending = new Queue<Pending>();
  #ended: ((name: string) => Error) | undefined;
  /** What the server said before it was asked: it does so just before it hangs up. */
  #lastWords: string | undefined;
  /** What leaves at the end of this turn, one character a byte. */
  #outgoing: string[] = [];

  constructor(address: string, stream: Duplex, timeoutMs: number) {
    this.address = address;
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    const decoder = new Decoder({
      onReply: (value: unknown) => this.#pending.shift()?.settle({ value }),
      onErrorReply: ({ message }) => {
        const asked = this.#pending.shift();
        if (asked) asked.settle({ error: message });
        else this.#lastWords = message;
      },
      onPush: () => undefined,
      getTypeMapping: () => this.#pending.first?.mapping ?? {},
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        decoder.write(chunk);
      } catch (error) {
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
      const timer = setTimeout(() => reject(callTimeout(this.address, unanswered(), timeoutMs)), timeoutMs);
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      for (const command of commands) {
        const settle = (outcome: Outcome) => {
          replies.push("error" in outcome ? new RedisReplyError(redact(outcome.error, command)) : batched(outcome.value, command));
          if (replies.length < commands.length) {
            timer.refresh();
            return;
          }
          clearTimeout(timer);
          resolve(replies);
        };
        this.#write(command, { name: commandName(command), mapping: BYTES, settle, fail });
      }
    });
  }

  close(): void {
    this.#end((name) => clientClosed(this.address, name));
  }

  /** Gives the stream away; this client is closed from then on. Nothing may be unanswered. */
  handOver(): Duplex {
    this.#ended = (name) => clientClosed(this.address, name);
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
      const timer = setTimeout(() => fail(callTimeout(this.address, name, timeoutMs)), timeoutMs);
      this.#write(command, {
        name,
        mapping,
        settle: (outcome) => {
          clearTimeout(timer);
          settle(outcome);
        },
        fail: (error) => {
          clearTimeout(timer);
          fail(error);
        },
      });
    });
  }

  #write(command: readonly Argument[], pending: Pending): void {
    this.#pending.push(pending);
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
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) next.fail(reason(next.name));
    this.#stream.removeAllListeners("data");
    this.#stream.destroy();
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

/** First in, first out, whatever its length: `shift` of an array of ten thousands moves all of them. */
class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }
}

/** `GET`, `CONFIG SET`: never an argument, which may be a secret. */
function commandName(command: readonly Argument[]): string {
  const [verb = "", next] = command.slice(0, 2).map((word) => String(word).toUpperCase());
  return /^(CLUSTER|CONFIG|SENTINEL|CLIENT|DEBUG|SCRIPT|SLOWLOG|MEMORY|LATENCY)$/.test(verb) && next !== undefined
    ? `${verb} ${next}`
    : verb;
}

const SECRET_FOLLOWS = /^(auth|requirepass|masterauth|auth-pass|sentinel-pass|setuser)$/i;

/** Error replies repeat arguments ("Invalid argument '…' for CONFIG SET 'requirepass'", "with args beginning with"). */
function redact(text: string, command: readonly Argument[]): string {
  // A value of half a GiB is no such word, and no string at all (buffer.constants.MAX_STRING_LENGTH).
  const secretFrom = command.findIndex((word) => typeof word !== "number" && word.length < 20 && SECRET_FOLLOWS.test(String(word)));
  if (secretFrom === -1) return text;
  return command
    .slice(secretFrom + 1)
    .map(String)
    .filter((word) => word.length > 3)
    .reduce((masked, word) => masked.replaceAll(word, "***"), text);
}

function plain(value: unknown, command: readonly Argument[]): Reply {
  if (value instanceof Error) throw new RedisReplyError(redact(value.message, command));
  if (Array.isArray(value)) return value.map((item) => plain(item, command));
  return value as Reply;
}

/** Bulk strings as they came. */
const BYTES: TypeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer };

function batched(value: unknown, command: readonly Argument[]): BatchReply {
  if (value instanceof Error) return new RedisReplyError(redact(value.message, command));
  if (Array.isArray(value)) return value.map((item) => batched(item, command));
  return value as BatchReply;
}

/**
 * A mapping that asks for exact values (bulk strings as bytes, integers as text) and notes, leaf by leaf, which strings were integers and which statuses: the decoder
 * looks a type up once for each leaf, in the order of the reply.
 */
function recordingMapping(): { readonly mapping: TypeMapping; readonly kinds: ("integer" | "status")[] } {
  const kinds: ("integer" | "status")[] = [];
  const noted = (kind: "integer" | "status") => ({
    get: () => {
      kinds.push(kind);
      return String;
    },
  });
  const mapping: TypeMapping = Object.defineProperties(
    { [RESP_TYPES.BLOB_STRING]: Buffer },
    { [RESP_TYPES.NUMBER]: noted("integer"), [RESP_TYPES.SIMPLE_STRING]: noted("status") },
  );
  return { mapping, kinds };
}

function typed(value: unknown, kinds: Iterator<"integer" | "status">): TypedReply {
  if (value === null) return { type: "bulk", value: null };
  if (Buffer.isBuffer(value)) return { type: "bulk", value: Buffer.from(value) };
  if (value instanceof Error) return { type: "error", value: value.message };
  if (Array.isArray(value)) return { type: "array", value: value.map((item) => typed(item, kinds)) };
  const text = String(value);
  if (kinds.next().value === "status") return { type: "status", value: text };
  const number = Number(text);
  return { type: "integer", value: Number.isSafeInteger(number) ? number : BigInt(text) };
}
