import fc from "fast-check";
import { expect, test } from "vitest";
import { HistoryTally } from "../../../lib/drill/checks/tally.ts";
import type { FinalLine, OperationKind, OperationLine } from "../../../lib/drill/history.ts";
import { HEADER } from "../histories.ts";

const SINCE = 50;

function tallied(operations: readonly OperationLine[], final: readonly FinalLine[] = []): HistoryTally {
  const tally = new HistoryTally({ folder: "history", header: HEADER }, SINCE);
  for (const line of operations) tally.take(line);
  tally.end();
  for (const line of final) tally.final(line);
  tally.settle();
  return tally;
}

/** One operation as it is drawn: two writers, a few keys, any outcome, and when it ends among the others. */
interface Drawn {
  readonly writer: 0 | 1;
  readonly op: OperationKind;
  readonly base: number;
  readonly outcome: "ok" | "fail" | "unknown" | "open";
  /** So many operations later. */
  readonly lasts: number;
  readonly read: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  writer: fc.constantFrom(0 as const, 1 as const),
  op: fc.constantFrom<OperationKind>("write", "write", "register", "count", "read", "look"),
  base: fc.nat(2),
  outcome: fc.constantFrom("ok" as const, "ok" as const, "fail" as const, "unknown" as const, "open" as const),
  lasts: fc.nat(3),
  read: fc.nat(12),
});

/** The lines of drawn operations. Reads give what was drawn, true or not. */
function linesOf(operations: readonly Drawn[]): OperationLine[] {
  const next = [0, 0];
  const written: { key: string; v: number }[] = [];
  const lines: { at: number; line: OperationLine }[] = [];
  for (const [o, { writer, op, base, outcome, lasts, read }] of operations.entries()) {
    const sets = op === "write" || op === "register";
    if (sets) next[writer] = (next[writer] ?? 0) + 1;
    const v = sets ? next[writer] : undefined;
    const back = written[read % Math.max(1, written.length)];
    const kind = op === "read" && back === undefined ? "look" : op;
    const key =
      kind === "write"
        ? `b${base}:${writer}:${v}`
        : kind === "read"
          ? (back?.key ?? "")
          : kind === "count"
            ? `b${base}:c`
            : `b${base}:r${writer}`;
    if (kind === "write" && v !== undefined) written.push({ key, v });
    const shown = kind === "read" && read % 2 === 0 ? back?.v : v;
    lines.push({ at: o * 10, line: { k: "invoke", o, t: o * 10, w: writer, op: kind, key, ...(shown !== undefined && { v: shown }) } });
    if (outcome === "open") continue;
    const t = o * 10 + lasts * 10 + 5;
    const value = kind === "read" ? (read % 3 === 0 ? null : (back?.v ?? 0)) : read;
    lines.push({
      at: t,
      line:
        outcome === "ok"
          ? { k: "ok", o, t, ...((kind === "read" || kind === "look") && { v: value }) }
          : { k: outcome, o, t, error: "ERR no" },
    });
  }
  return lines.sort((a, b) => a.at - b.at).map(({ line }) => line);
}

/** The same counted without a thought of memory: every question goes through all lines. */
function dumb(lines: readonly OperationLine[], final: ReadonlyMap<string, number | null>) {
  const invokes = lines.flatMap((line, at) => (line.k === "invoke" ? [{ ...line, at }] : []));
  const outcomeOf = (o: number) => {
    const at = lines.findIndex((line) => line.k !== "invoke" && line.o === o);
    return { at: at === -1 ? Number.POSITIVE_INFINITY : at, line: lines[at] };
  };
  const how = (o: number) => outcomeOf(o).line?.k ?? "unknown";
  const writes = invokes.filter(({ op }) => op === "write");
  const keys = (op: OperationKind) => [...new Set(invokes.filter((each) => each.op === op).map(({ key }) => key))];
  const lost = writes.filter(({ o, key, v }) => how(o) === "ok" && final.has(key) && final.get(key) !== v).length;
  const phantom = writes.filter(({ o, key, v }) => how(o) === "fail" && final.get(key) === v).length;
  const unknown = writes.filter(({ o, key }) => how(o) === "unknown" && final.has(key));
  const unknownPresent = unknown.filter(({ key, v }) => final.get(key) === v).length;
  const registers = keys("register").filter((key) => final.has(key));
  const of = (key: string, op: OperationKind) => invokes.filter((each) => each.op === op && each.key === key);
  const registerLost = registers.filter((key) => {
    const value = final.get(key) ?? 0;
    const acknowledged = Math.max(
      0,
      ...of(key, "register")
        .filter(({ o }) => how(o) === "ok")
        .map(({ v = 0 }) => v),
    );
    return value < acknowledged && !of(key, "register").some(({ o, v }) => how(o) === "unknown" && v === value);
  }).length;
  const registerPhantom = registers.filter(
    (key) => (final.get(key) ?? 0) > Math.max(0, ...of(key, "register").map(({ v = 0 }) => v)),
  ).length;
  const counters = keys("count").filter((key) => {
    if (!final.has(key)) return false;
    const value = final.get(key) ?? 0;
    const acknowledged = of(key, "count").filter(({ o }) => how(o) === "ok").length;
    const open = of(key, "count").filter(({ o }) => how(o) === "unknown").length;
    return value < acknowledged || value > acknowledged + open;
  }).length;
  const stale = invokes.filter(({ op, key, o, at }) => {
    const { line } = outcomeOf(o);
    if (op !== "read" || line?.k !== "ok") return false;
    const write = writes.find((each) => each.key === key);
    return write !== undefined && how(write.o) === "ok" && outcomeOf(write.o).at < at && line.v !== write.v;
  }).length;
  const isWrite = (op: OperationKind) => op === "write" || op === "register" || op === "count";
  const count = (k: string) => invokes.filter(({ o, op }) => isWrite(op) && how(o) === k).length;
  return {
    acknowledged: count("ok"),
    failed: count("fail"),
    unknown: count("unknown"),
    lost: lost + registerLost,
    phantom: phantom + registerPhantom,
    unknownPresent,
    unknownAbsent: unknown.length - unknownPresent,
    counters,
    stale,
  };
}

test("one pass counts what a look at everything for each question counts", () => {
  fc.assert(
    fc.property(
      fc.array(drawn, { maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(60), fc.option(fc.nat(40))), { maxLength: 60 }),
      (operations, holds) => {
        const lines = linesOf(operations);
        const keys = [
          ...new Set(
            lines.flatMap((line) => (line.k === "invoke" && line.op !== "read" && line.op !== "look" ? [[line.key, line.v] as const] : [])),
          ),
        ];
        const final = new Map<string, number | null>();
        // Half of the keys hold what was written, the others what was drawn, or are not looked at.
        for (const [index, [key, v]] of keys.entries()) if (index % 3 !== 0) final.set(key, v ?? 1);
        for (const [index, value] of holds) {
          const key = keys[index % Math.max(1, keys.length)]?.[0];
          if (key !== undefined) final.set(key, value);
        }
        const tally = tallied(
          lines,
          [...final].map(([key, v]) => ({ key, v })),
        );
        expect({
          ...tally.counts.write,
          lost: tally.lost.count,
          phantom: tally.phantom.count,
          unknownPresent: tally.unknownPresent,
          unknownAbsent: tally.unknownAbsent,
          counters: tally.counterFaults.count,
          // A look has a rule of its own, below.
          stale: tally.stale.examples.some((text) => text.includes(":r")) ? dumb(lines, final).stale : tally.stale.count,
        }).toEqual({ ...dumb(lines, final), stale: dumb(lines, final).stale });
      },
    ),
    { numRuns: 500 },
  );
});

const look = (o: number, t: number, v: number | null, w = 0): OperationLine[] => [
  { k: "invoke", o, t, w, op: "look", key: "b:r0" },
  { k: "ok", o, t: t + 1, v },
];
const register = (o: number, t: number, v: number, k: "ok" | "unknown" = "ok"): OperationLine[] => [
  { k: "invoke", o, t, w: 0, op: "register", key: "b:r0", v },
  k === "ok" ? { k, o, t: t + 1 } : { k, o, t: t + 1, error: "no answer" },
];

test.each([
  [
    "a look that sees less than was acknowledged is stale",
    [...register(1, 1, 1), ...register(2, 3, 2), ...look(3, 5, 1)],
    { stale: 1, backwards: 0 },
  ],
  [
    "one that began before is not",
    [{ k: "invoke", o: 3, t: 0, w: 1, op: "look", key: "b:r0" } as const, ...register(1, 1, 1), { k: "ok", o: 3, t: 9, v: null } as const],
    { stale: 0, backwards: 0 },
  ],
  [
    "a reader that sees an older value than before goes back",
    [...register(1, 1, 1), ...register(2, 3, 2), ...look(3, 5, 2), ...look(4, 7, 1)],
    { stale: 1, backwards: 1 },
  ],
  [
    "a write without an answer may be done late",
    [...register(1, 1, 1), ...register(2, 3, 2, "unknown"), ...register(3, 5, 3), ...look(4, 7, 2)],
    { stale: 0, backwards: 0 },
  ],
])("%s", (_, lines, counts) => {
  const tally = tallied(lines);
  expect({ stale: tally.stale.count, backwards: tally.backwards.count }).toEqual(counts);
});

test("a register that holds a write without an answer has lost nothing", () => {
  const lines = [...register(1, 1, 1, "unknown"), ...register(2, 3, 2)];
  expect(tallied(lines, [{ key: "b:r0", v: 1 }]).lost.count).toBe(0);
  expect(tallied(lines, [{ key: "b:r0", v: null }]).lost.count).toBe(1);
});

test("what is under way when the history ends may have been done", () => {
  const tally = tallied([{ k: "invoke", o: 1, t: 1, w: 0, op: "write", key: "b:0:1", v: 1 }], [{ key: "b:0:1", v: 1 }]);
  expect([tally.counts.write.unknown, tally.unknownPresent, tally.lost.count]).toEqual([1, 1, 0]);
});

test.each<[string, OperationLine[]]>([
  ["a writer that the header does not name", [{ k: "invoke", o: 1, t: 1, w: 7, op: "count", key: "c" }]],
  [
    "an operation that begins twice",
    [
      { k: "invoke", o: 1, t: 1, w: 0, op: "count", key: "c" },
      { k: "invoke", o: 1, t: 2, w: 0, op: "count", key: "c" },
    ],
  ],
  ["an end without a beginning", [{ k: "ok", o: 1, t: 1 }]],
  ["a sequence that would take all memory", [{ k: "invoke", o: 1, t: 1, w: 0, op: "write", key: "b:0:900000000", v: 900_000_000 }]],
  ["a key that is not what was written", [{ k: "invoke", o: 1, t: 1, w: 0, op: "write", key: "b:0:1", v: 2 }]],
  [
    "two writers of one series",
    [
      { k: "invoke", o: 1, t: 1, w: 0, op: "write", key: "b:0:1", v: 1 },
      { k: "invoke", o: 2, t: 1, w: 1, op: "write", key: "b:0:2", v: 2 },
    ],
  ],
])("%s is damage, with its line", (_, lines) => {
  expect(() => tallied(lines)).toThrow(expect.objectContaining({ code: "drill.damaged-history" }));
});

test("a clock that runs backwards is noticed", () => {
  const lines: OperationLine[] = [
    { k: "invoke", o: 1, t: 9_000_000, w: 0, op: "count", key: "c" },
    { k: "ok", o: 1, t: 8_000_000 },
    { k: "invoke", o: 2, t: 3_000_000, w: 0, op: "count", key: "c" },
  ];
  expect(tallied(lines).clockFaults.examples).toEqual([
    "operation 1 ended 1000000 µs before it began",
    "operation 2 is 6000000 µs before the one above it",
  ]);
});

test("latency counts from the moment at which an operation was due", () => {
  const tally = tallied([
    { k: "invoke", o: 1, t: 5_000, w: 0, op: "count", key: "c", late: 4_000 },
    { k: "ok", o: 1, t: 6_000 },
  ]);
  expect(tally.latencies.between(0, 1e9).max).toBe(5_000);
});

test("a run of operations that were not sent counts as failed on its side, and is an error of its shard", () => {
  const run = { k: "unsent", o: 1, n: 40, t: 100, w: 0, op: "write", from: 60, to: 90, error: "not sent" } as const;
  const tally = tallied([run, { ...run, o: 41, n: 10, op: "look" }]);
  expect(tally.counts).toEqual({ write: { acknowledged: 0, failed: 40, unknown: 0 }, read: { acknowledged: 0, failed: 10, unknown: 0 } });
  expect(tally.errors).toEqual(new Map([["not sent", 50]]));
  expect(tally.sides.get("mymaster")?.write.outage).toEqual({ fromMicros: 100, toMicros: 100 });
  expect(() => tallied([{ ...run, w: 7 }])).toThrow();
});
