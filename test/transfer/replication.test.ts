import fc from "fast-check";
import { expect, test } from "vitest";
import { SnapshotReader } from "../../lib/transfer/replication.ts";

const MARK = "0123456789abcdef0123456789abcdef01234567";

/** What comes of a stream that arrives in pieces of these lengths. */
function read(stream: Buffer, pieces: readonly number[] = []) {
  const reader = new SnapshotReader();
  const data: Buffer[] = [];
  let end: string | undefined;
  const push = (bytes: Buffer) => {
    for (const arrival of reader.push(bytes)) {
      if (arrival.kind === "data") data.push(Buffer.from(arrival.bytes));
      else if (arrival.kind !== "ready") end = arrival.kind === "end" ? "end" : arrival.reply;
    }
  };
  let at = 0;
  for (const length of pieces) {
    push(stream.subarray(at, at + length));
    at += length;
  }
  push(stream.subarray(at));
  return { data: Buffer.concat(data).toString("latin1"), end };
}

test.each([
  ["with its length", `+OK\r\n-ERR Unrecognized REPLCONF option: rdb-only\r\n\n\n\n$8\r\nREDIS...more`, "REDIS..."],
  ["with a mark", `+OK\r\n+OK\r\n\n$EOF:${MARK}\r\nREDIS...${MARK}`, "REDIS..."],
  ["with a mark, and commands behind it", `+OK\r\n+OK\r\n$EOF:${MARK}\r\nREDIS...${MARK}*1\r\n`, "REDIS..."],
  ["without anything in it", "+OK\r\n+OK\r\n$0\r\n", ""],
])("a data set %s", (_form, stream, data) => {
  expect(read(Buffer.from(stream))).toEqual({ data, end: "end" });
});

test("in whatever pieces it comes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 5 }),
      (pieces, bytes, marked, newlines) => {
        // Parts of the mark in the data end nothing.
        const data = Buffer.concat([Buffer.from(`${MARK.slice(0, 39)}-`), Buffer.from(bytes), Buffer.from(`-${MARK.slice(1)}`)]);
        const head = `+OK\r\n+OK\r\n${"\n".repeat(newlines)}${marked ? `$EOF:${MARK}` : `$${data.length}`}\r\n`;
        const stream = Buffer.concat([Buffer.from(head), data, Buffer.from(marked ? MARK : "")]);
        expect(read(stream, pieces)).toEqual({ data: data.toString("latin1"), end: "end" });
      },
    ),
  );
});

test.each([
  ["-NOMASTERLINK Can't SYNC while not connected with my master", "NOMASTERLINK Can't SYNC while not connected with my master"],
  ["-NOAUTH Authentication required.", "NOAUTH Authentication required."],
  ["$-1", "$-1"],
  [`$EOF:${MARK.slice(1)}`, `$EOF:${MARK.slice(1)}`],
  ["HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad Request"],
])("%s", (line, reply) => {
  expect(read(Buffer.from(`+OK\r\n-ERR unknown option\r\n${line}\r\n`))).toEqual({ data: "", end: reply });
});

test("something that sends no lines is given up", () => {
  expect(read(Buffer.alloc(5000, "x")).end).toBe("it sends something that is not a replication stream");
});

test("a stream that ends too early has no end", () => {
  expect(read(Buffer.from("+OK\r\n+OK\r\n$8\r\nREDI"))).toEqual({ data: "REDI", end: undefined });
});

test("the options are answered before SYNC is sent", () => {
  const reader = new SnapshotReader();
  expect(reader.push(Buffer.from("+OK\r\n"))).toEqual([]);
  expect(reader.push(Buffer.from("-ERR Unrecognized REPLCONF option: rdb-only\r\n"))).toEqual([{ kind: "ready" }]);
});
