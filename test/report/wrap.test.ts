import pc from "picocolors";
import { expect, test } from "vitest";
import { wrapLines } from "../../lib/report/wrap.ts";

test("a line that is too long goes on below its text, by whole words", () => {
  expect(wrapLines("problem  redis-38 can't be looked at: nothing listens\nshort", 30)).toBe(
    "problem  redis-38 can't be\n         looked at: nothing\n         listens\nshort",
  );
  expect(wrapLines("a word-that-is-longer-than-the-line", 10)).toBe("a\nword-that-is-longer-than-the-line");
});

test("a command stays whole, so that it can be copied", () => {
  expect(wrapLines("Then run `redis-lab up cluster --target ssh`; it goes on.", 24)).toBe(
    "Then run\n`redis-lab up cluster --target ssh`;\nit goes on.",
  );
  // One mark alone holds nothing together.
  expect(wrapLines("a ` b c d e f g h i j", 12)).toBe("a ` b c d e\nf g h i j");
});

test("a command that is not in backticks leaves the line to the terminal", () => {
  for (const line of [
    "      sudo tee -a /etc/apparmor.d/local/abstractions/libvirt-qemu",
    "Run: virsh undefine redis-18 --managed-save",
    "Then: echo yes | redis-trib create",
    "Continue: redis-lab up cluster",
  ])
    expect(wrapLines(line, 20)).toBe(line);
  expect(wrapLines("one - two, well-known", 12)).toBe("one - two,\nwell-known");
});

test("colours take no room", () => {
  expect(wrapLines(pc.red("0123456789"), 10)).toBe(pc.red("0123456789"));
});
