import { type Decoder, RESP_TYPES } from "@redis/client/dist/lib/RESP/decoder.js";
import { RedisReplyError } from "./reply-error.ts";
import type { Argument, BatchReply, Reply, TypedReply } from "./types.ts";

// What the decoder makes of replies, and what callers get of it.

/** Which JavaScript types the decoder makes of a reply. */
export type TypeMapping = ReturnType<Decoder["getTypeMapping"]>;

const SECRET_FOLLOWS = /^(auth|requirepass|masterauth|auth-pass|sentinel-pass|setuser)$/i;

/** Error replies repeat arguments ("Invalid argument '…' for CONFIG SET 'requirepass'", "with args beginning with"). */
export function redact(text: string, command: readonly Argument[]): string {
  // A value of half a GiB is no such word, and no string at all (buffer.constants.MAX_STRING_LENGTH).
  const secretFrom = command.findIndex((word) => typeof word !== "number" && word.length < 20 && SECRET_FOLLOWS.test(String(word)));
  if (secretFrom === -1) return text;
  return command
    .slice(secretFrom + 1)
    .map(String)
    .filter((word) => word.length > 3)
    .reduce((masked, word) => masked.replaceAll(word, "***"), text);
}

export function plain(value: unknown, command: readonly Argument[]): Reply {
  if (value instanceof Error) throw new RedisReplyError(redact(value.message, command));
  if (Array.isArray(value)) return value.map((item) => plain(item, command));
  return value as Reply;
}

/** Bulk strings as they came. */
export const BYTES: TypeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer };

export function batched(value: unknown, command: readonly Argument[]): BatchReply {
  if (value instanceof Error) return new RedisReplyError(redact(value.message, command));
  if (Array.isArray(value)) return value.map((item) => batched(item, command));
  return value as BatchReply;
}

/**
 * A mapping that asks for exact values (bulk strings as bytes, integers as text) and notes, leaf by leaf, which strings were integers and which statuses: the decoder
 * looks a type up once for each leaf, in the order of the reply.
 */
export function recordingMapping(): { readonly mapping: TypeMapping; readonly kinds: ("integer" | "status")[] } {
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

export function typed(value: unknown, kinds: Iterator<"integer" | "status">): TypedReply {
  if (value === null) return { type: "bulk", value: null };
  if (Buffer.isBuffer(value)) return { type: "bulk", value: Buffer.from(value) };
  if (value instanceof Error) return { type: "error", value: value.message };
  if (Array.isArray(value)) return { type: "array", value: value.map((item) => typed(item, kinds)) };
  const text = String(value);
  if (kinds.next().value === "status") return { type: "status", value: text };
  const number = Number(text);
  return { type: "integer", value: Number.isSafeInteger(number) ? number : BigInt(text) };
}
