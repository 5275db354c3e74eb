import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lineProgress, quietProgress, shortDetail } from "../../lib/report/progress.ts";

let lines: string[];

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
});
afterEach(() => vi.useRealTimers());

const progress = () =>
  lineProgress(
    (line) => lines.push(line),
    () => Date.now(),
  );
const step = { type: "step", host: "redis-18", step: "build" } as const;
const says = { type: "progress", host: "redis-18", step: "build" } as const;

test("a step that ends at once is one line", () => {
  const { emit } = progress();
  emit({ ...step, state: "started", detail: "compile" });
  emit({ ...says, detail: "CC server.o" });
  emit({ ...step, state: "changed", detail: "compile" });
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual(["redis-18 build changed: compile"]);
});

test("a step that takes its time tells its beginning, and what it says every five seconds", () => {
  const { emit } = progress();
  emit({ ...step, state: "started", detail: "compile" });
  for (let second = 0; second < 12; second += 1) {
    emit({ ...says, detail: `${second} s` });
    vi.advanceTimersByTime(1_000);
  }
  emit({ ...step, state: "changed", detail: "compile" });
  expect(lines).toEqual([
    "redis-18 build started: compile",
    "redis-18 build: 0 s",
    "redis-18 build: 6 s",
    "redis-18 build: 11 s",
    "redis-18 build changed: compile",
  ]);
});

test("what changed nothing is silent, also after it spoke; failures are told whole", () => {
  const { emit } = progress();
  emit({ ...step, state: "unchanged" });
  emit({ ...step, state: "not-applicable", detail: "no package manager" });
  emit({ ...step, state: "started", detail: "wait" });
  emit({ ...step, state: "unchanged" });
  vi.advanceTimersByTime(60_000);
  emit({ ...step, state: "failed", detail: "a; b; c; d" });
  expect(lines).toEqual(["redis-18 build failed: a; b; c; d"]);
});

test("long lists are shortened, with what they left out themselves", () => {
  expect(shortDetail("make /a; make /b")).toBe("make /a; make /b");
  expect(shortDetail("make /a; make /b; make /c")).toBe("make /a and 2 more");
  expect(shortDetail("a; b; c; and 27 more")).toBe("a and 29 more");
  expect(shortDetail("first\nsecond")).toBe("first");
});

test("--json keeps the warnings and nothing else", () => {
  const { emit } = quietProgress((line) => lines.push(line));
  emit({ ...step, state: "changed" });
  emit({ type: "notice", level: "info", text: "nice" });
  emit({ type: "notice", level: "warning", text: "another version runs" });
  expect(lines).toEqual(["warning: another version runs"]);
});
