import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { subscribe } from "../../lib/redis/subscription.ts";

/** A connection that a test writes to from the other side. */
function connection() {
  const sent: string[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk.toString());
      done();
    },
  });
  return { stream, sent };
}

function message(channel: string, text: string): string {
  return `*3\r\n$7\r\nmessage\r\n$${Buffer.byteLength(channel)}\r\n${channel}\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

test("asks for its channels once, and tells each message, however the bytes are cut", async () => {
  const { stream, sent } = connection();
  const told: string[] = [];
  subscribe(stream, ["+odown", "+switch-master"], (channel, text) => told.push(`${channel} ${text}`));
  expect(sent).toEqual(["*3\r\n$9\r\nSUBSCRIBE\r\n$6\r\n+odown\r\n$14\r\n+switch-master\r\n"]);
  const bytes = Buffer.from(
    `*3\r\n$9\r\nsubscribe\r\n$6\r\n+odown\r\n:1\r\n${message("+odown", "master größer")}${message("+switch-master", "m a 1 b 2")}`,
  );
  for (const byte of bytes) stream.push(Buffer.from([byte]));
  await expect.poll(() => told).toEqual(["+odown master größer", "+switch-master m a 1 b 2"]);
});

test.each([
  ["no RESP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ["a message without an end", `*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2000000000\r\n`],
])("%s ends the connection, and is no message", async (_, bytes) => {
  const { stream } = connection();
  const told: string[] = [];
  subscribe(stream, ["c"], (_channel, text) => told.push(text));
  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.push(bytes);
  for (let sent = 0; sent < 70 && !stream.destroyed; sent += 1) {
    stream.push(Buffer.alloc(1 << 20, 0x78));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  expect(told).toEqual([]);
});

test("an answer that refuses is no message, and what follows it is heard", async () => {
  const { stream } = connection();
  const told: string[] = [];
  subscribe(stream, ["c"], (_channel, text) => told.push(text));
  stream.push(`-NOAUTH Authentication required.\r\n${message("c", "heard")}`);
  await expect.poll(() => told).toEqual(["heard"]);
});
