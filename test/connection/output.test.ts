import { expect, test } from "vitest";
import { LONGEST_OUTPUT, OutputStream } from "../../lib/connection/output.ts";

const MB = 1 << 20;

test("lines come as they end, and characters stay whole", () => {
  const lines: string[] = [];
  const output = new OutputStream((line) => lines.push(line));
  const bytes = Buffer.from("grün\r\nzwei\ndrei");
  for (const byte of bytes) output.push(Buffer.from([byte]));
  expect(lines).toEqual(["grün", "zwei"]);
  output.end();
  expect([lines.at(-1), output.text()]).toEqual(["drei", "grün\r\nzwei\ndrei"]);
});

test("a line that does not end comes in parts, and of what is followed only the end is kept", () => {
  let longest = 0;
  let heard = 0;
  const output = new OutputStream((line) => {
    longest = Math.max(longest, line.length);
    heard += line.length;
  }, "end");
  const chunk = Buffer.alloc(65_536, "x");
  for (let mb = 0; mb < 100 * 16; mb += 1) {
    output.push(chunk);
    expect(output.bytes().length).toBeLessThanOrEqual(65_536);
  }
  output.push(Buffer.from("\nlast words\n"));
  output.end();
  expect(heard).toBe(100 * MB + "last words".length);
  expect(longest).toBeLessThan(2 * MB);
  expect(output.tooLong).toBe(false);
  expect(output.text().endsWith("x\nlast words\n")).toBe(true);
});

test("of what is kept whole no more is taken than is read of any host", () => {
  const output = new OutputStream();
  const chunk = Buffer.alloc(MB);
  while (!output.tooLong) output.push(chunk);
  for (let more = 0; more < 100; more += 1) output.push(chunk);
  expect(output.bytes().length).toBe(LONGEST_OUTPUT + MB);
});
