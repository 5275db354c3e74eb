import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { expect, test } from "vitest";
import { readSecret } from "../../lib/cli/secret.ts";

function terminal() {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
  const output = new PassThrough();
  return { input: input as unknown as ReadStream, keys: input, output, raw };
}

test("what is typed is not shown, and mistakes can be taken back", async () => {
  const { input, keys, output, raw } = terminal();
  const typed = readSecret(input, output, new AbortController().signal);
  for (const key of ["s", "x", "\u007f", "ecr", "et", "\r"]) keys.write(key);
  expect(await typed).toBe("secret");
  expect([raw, output.read()?.toString()]).toEqual([[true, false], "\n"]);
});

test("an interruption gives the terminal back", async () => {
  const { input, output, raw } = terminal();
  const interruption = new AbortController();
  const typed = readSecret(input, output, interruption.signal);
  interruption.abort();
  await expect(typed).rejects.toBe(interruption.signal.reason);
  expect(raw).toEqual([true, false]);
});
