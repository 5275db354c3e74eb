import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { ask } from "../../lib/cli/confirm.ts";

async function answered(keys: string | AbortController): Promise<string> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const ending = keys instanceof AbortController ? keys : new AbortController();
  const asked = ask("Remove all?", ending.signal, { input, output }).then(
    () => "yes",
    (error: { readonly code: string; readonly kind: string }) => `${error.code} ${error.kind}`,
  );
  if (typeof keys === "string") input.write(keys);
  else keys.abort();
  return asked;
}

test.each([
  ["yes\r", "yes"],
  ["y\r", "cli.not-confirmed refused"],
  ["\r", "cli.not-confirmed refused"],
  ["\x04", "cli.not-confirmed refused"],
  ["\x03", "cli.interrupted interrupted"],
  ["ye\x03", "cli.interrupted interrupted"],
])("%j", async (keys, ending) => {
  expect(await answered(keys)).toBe(ending);
});

test("a signal ends the question", async () => {
  expect(await answered(new AbortController())).toBe("cli.interrupted interrupted");
});

test("where --yes does not count, the refusal does not name it as the way out", async () => {
  const refused = async (...optionAnswers: readonly boolean[]) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.write("no\r");
    const error = await ask("Remove?", new AbortController().signal, { input, output }, ...optionAnswers).catch(
      (reason: unknown) => reason,
    );
    return (error as { readonly next: string }).next;
  };
  expect(await refused()).toBe("Answer `yes`, or say --yes.");
  expect(await refused(false)).toBe("Answer `yes`: --yes does not count here.");
});

test("names in a question say nothing to the terminal", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  input.write("yes\r");
  await ask("Remove the VM x\u001b]0;OWNED\u0007\b\u202e?", new AbortController().signal, { input, output });
  const seen = String(output.read());
  expect(seen).toContain("Remove the VM x^[]0;OWNED^G^H<U+202E>?");
  expect(seen).not.toContain("\u001b]");
});
