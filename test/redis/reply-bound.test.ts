import { Decoder } from "@redis/client/dist/lib/RESP/decoder.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplyBound, ReplyTooLong } from "../../lib/redis/reply-bound.ts";

function take(text: string, { longest = 1000, pieces = 1 } = {}): void {
  const bound = new ReplyBound();
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += pieces) bound.take(bytes.subarray(at, at + pieces), longest);
}

describe.each([1, 2, 3, 1000])("in pieces of %s", (pieces) => {
  test.each([
    ["a value that is announced", "$1001\r\n"],
    ["an array that is announced", "*126\r\n"],
    ["arrays within arrays", "*100\r\n*100\r\n"],
    ["values of one array", `*3\r\n$600\r\n${"x".repeat(600)}\r\n$600\r\n`],
    ["a status without end", `+${"x".repeat(1001)}`],
    ["an error without end", `-ERR ${"x".repeat(1001)}`],
    ["a number without end", `:${"1".repeat(1001)}`],
  ])("%s is refused before it comes", (_what, text) => {
    expect(() => take(text, { pieces })).toThrow(ReplyTooLong);
  });

  test.each([
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n"],
    ["RESP3, which was not asked for", "%30000000\r\n"],
    ["a push of RESP3", ">3\r\n"],
    ["a length that is none", "$1x\r\n"],
    ["no length", "*\r\n"],
    ["another negative length", "$-2\r\n"],
    ["-01, which has another length", "$-01\r\n"],
    ["lengths of any length", `$${"0".repeat(3)}${"9".repeat(40)}\r\n`],
    ["a line end that is half", "+OK\r+OK\r\n"],
    ["depth without end", "*1\r\n".repeat(1100)],
  ])("%s is refused", (_what, text) => {
    expect(() => take(text, { pieces, longest: 1e6 })).toThrow(/^(no reply begins|a length is|a line does|more than 1000 arrays)/);
  });

  test("each reply has the whole limit, whatever came before", () => {
    const reply = `*2\r\n$400\r\n${"x".repeat(400)}\r\n*3\r\n:1\r\n+OK\r\n$-1\r\n`;
    take(`${reply.repeat(50)}*0\r\n*-1\r\n$0\r\n\r\n-ERR a\r\n${reply}`, { pieces });
  });
});

type Any = string | number | null | readonly Any[];
const written = (value: Any): string =>
  value === null
    ? "$-1\r\n"
    : typeof value === "number"
      ? `:${value}\r\n`
      : typeof value === "string"
        ? `$${Buffer.byteLength(value)}\r\n${value}\r\n`
        : `*${value.length}\r\n${value.map(written).join("")}`;
const { reply } = fc.letrec<{ reply: Any }>((tie) => ({
  reply: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.constant(null), fc.array(tie("reply"), { maxLength: 5 })),
}));

test("it ends a reply where the decoder ends it, and lets pass what is within the limit", () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (replies, pieces) => {
      const bytes = Buffer.from(replies.map(written).join(""));
      const got: unknown[] = [];
      const decoder = new Decoder({
        onReply: (one: unknown) => got.push(one),
        onErrorReply: () => {},
        onPush: () => {},
        getTypeMapping: () => ({}),
      });
      const bound = new ReplyBound();
      // No reply alone takes as much: what is counted ends with each.
      const longest = Math.max(0, ...replies.map((one) => Buffer.byteLength(written(one)) + 8 * written(one).split("\r\n").length));
      for (let at = 0; at < bytes.length; at += pieces) {
        bound.take(bytes.subarray(at, at + pieces), longest);
        decoder.write(bytes.subarray(at, at + pieces));
      }
      expect(got).toEqual(replies);
    }),
  );
});
