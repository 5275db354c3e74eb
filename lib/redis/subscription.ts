import type { Duplex } from "node:stream";
import { Decoder } from "@redis/client/dist/lib/RESP/decoder.js";
import { LONGEST_REPLY, ReplyBound } from "./reply-bound.ts";

/**
 * Listens to channels on a connection of its own (`InstanceAccess.stream`). It ends when the stream does.
 *
 * @param onMessage called with each message as it comes
 */
export function subscribe(stream: Duplex, channels: readonly string[], onMessage: (channel: string, message: string) => void): void {
  const decoder = new Decoder({
    onReply: (value: unknown) => {
      if (!Array.isArray(value) || String(value[0]) !== "message") return;
      onMessage(String(value[1]), String(value[2]));
    },
    onErrorReply: () => undefined,
    onPush: () => undefined,
    getTypeMapping: () => ({}),
  });
  const bound = new ReplyBound();
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    try {
      bound.take(chunk, LONGEST_REPLY);
      decoder.write(chunk);
    } catch (error) {
      // What is no RESP, or too much of it, is no message.
      stream.destroy(error instanceof Error ? error : undefined);
    }
  });
  stream.write(
    `*${channels.length + 1}\r\n$9\r\nSUBSCRIBE\r\n${channels.map((name) => `$${Buffer.byteLength(name)}\r\n${name}\r\n`).join("")}`,
  );
}
