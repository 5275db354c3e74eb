import { describe, expect, test } from "vitest";
import { Quit } from "../../lib/trib/host.ts";
import { Screen } from "../../lib/trib/screen.ts";

function made(answers: readonly (string | undefined)[] = [], environment: Readonly<Record<string, string>> = {}) {
  const left = [...answers];
  const interruption = new AbortController();
  const written: string[] = [];
  const screen = new Screen({
    write: (text) => written.push(text),
    ask: async () => left.shift(),
    environment,
    signal: interruption.signal,
  });
  return { screen, interruption, out: () => written.join("") };
}

describe("colours", () => {
  test("only where TERM is xterm, by how the line begins", () => {
    const { screen, out } = made([], { TERM: "xterm" });
    for (const line of [">>> a", "[ERR] b", "[WARNING] c", "[OK] d", "[FAIL] e", "*** f", "M: g"]) screen.xputs(line);
    screen.puts("[OK] plain");
    expect(out().split("\n")).toEqual([
      "\u001b[29;1m>>> a\u001b[0m",
      "\u001b[31;1m[ERR] b\u001b[0m",
      "\u001b[31;1m[WARNING] c\u001b[0m",
      "\u001b[32m[OK] d\u001b[0m",
      "\u001b[33m[FAIL] e\u001b[0m",
      "\u001b[33m*** f\u001b[0m",
      "M: g",
      "[OK] plain",
      "",
    ]);
  });

  test("xterm-256color is not xterm", () => {
    const { screen, out } = made([], { TERM: "xterm-256color" });
    screen.xputs("[OK] d");
    expect(out()).toBe("[OK] d\n");
  });
});

describe("questions", () => {
  test("yes in any case goes on", async () => {
    const { screen, out } = made(["YES"]);
    await screen.yesOrDie("Sure?");
    expect(out()).toBe("Sure? (type 'yes' to accept): ");
  });

  test.each([["no"], ["y"], [undefined]])("%s aborts", async (answer) => {
    const { screen, out } = made([answer]);
    await expect(screen.yesOrDie("Sure?")).rejects.toThrow(Quit);
    expect(out()).toBe("Sure? (type 'yes' to accept): *** Aborting...\n");
  });

  test("an interruption ends the wait for an answer", async () => {
    const interruption = new AbortController();
    const screen = new Screen({
      write: () => {},
      ask: () => new Promise(() => {}),
      environment: {},
      signal: interruption.signal,
    });
    const asked = screen.ask("Source node #1:");
    interruption.abort();
    await expect(asked).rejects.toBe(interruption.signal.reason);
  });
});
