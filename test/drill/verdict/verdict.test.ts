import { expect, test } from "vitest";
import type { EventLine, FinalState, OperationLine } from "../../../lib/drill/history.ts";
import { parseExpectations } from "../../../lib/drill/verdict/expectation.ts";
import { verdictOf } from "../../../lib/drill/verdict/verdict.ts";
import { HEALTHY, judged, type WrittenHistory, write } from "../histories.ts";

// Liars: histories in which something claims what is not so. Each is caught, by name.

const S = 1_000_000;
/** A write every 100 ms until 20 s, none acknowledged from 5 s to 7 s. */
const operations: OperationLine[] = Array.from({ length: 200 }, (_, index) => {
  const t = (index + 1) * (S / 10);
  return write(index + 1, t, index + 1, t > 5 * S && t < 7 * S ? "fail" : "ok");
}).flat();
const events: EventLine[] = [
  { t: 0, source: "drill", what: "load-began" },
  { t: 5 * S, source: "drill", what: "fault", about: "redis-18:6379", text: "kill redis-18:6379" },
  { t: 6 * S, error: 1_000, source: "sentinel", node: "redis-38:26379", what: "failed", about: "redis-18:6379" },
  { t: 6.9 * S, error: 1_000, source: "log", node: "redis-28:6379", what: "promoted" },
  { t: 7 * S, source: "poll", node: "redis-28:6379", what: "promoted" },
  { t: 10 * S, source: "drill", what: "recovery" },
  { t: 11 * S, source: "drill", what: "fault-undone" },
  { t: 15 * S, source: "drill", what: "settled" },
  { t: 20 * S, source: "drill", what: "load-ended" },
];
const final = operations.flatMap((line) =>
  line.k === "invoke" ? [{ key: line.key, v: operations.some((other) => other.k === "ok" && other.o === line.o) ? line.v! : null }] : [],
);
const good: WrittenHistory = { operations, events, final, state: HEALTHY };
const EXPECT = "failovers=1,gap<3s";

async function verdict(changes: Partial<WrittenHistory>, expected = EXPECT) {
  const { outcome, reasons, checks } = verdictOf(await judged({ ...good, ...changes }), parseExpectations(expected));
  return { outcome, reasons, failed: checks.filter((each) => each.outcome === "failed").map(({ check }) => check) };
}
const withState = (change: (state: FinalState) => Partial<FinalState>): Partial<WrittenHistory> => ({
  state: { ...HEALTHY, ...change(HEALTHY) },
});
const withInstance = (instance: string, change: Partial<FinalState["instances"][number]>) =>
  withState(({ instances }) => ({ instances: instances.map((each) => (each.instance === instance ? { ...each, ...change } : each)) }));

test("a drill in which all is as it should be passes", async () => {
  expect(await verdict({})).toEqual({ outcome: "passed", reasons: [], failed: [] });
});

test("a proxy that acknowledges and drops is caught by the values in the end", async () => {
  const dropped = final.map((line, index) => (index >= 100 && index < 110 ? { ...line, v: null } : line));
  expect(await verdict({ final: dropped })).toMatchObject({
    outcome: "failed",
    failed: ["lost"],
    reasons: [expect.stringMatching(/^10 acknowledged writes gone: load:\{a\}:0:101/)],
  });
  expect((await verdict({ final: dropped }, `${EXPECT},lost<=10`)).outcome).toBe("passed");
});

test("keys that nobody looked for in the end prove nothing", async () => {
  expect(await verdict({ final: final.slice(0, 150) })).toMatchObject({ outcome: "failed", failed: ["looked-at"] });
});

test("a failover that never comes is caught by what was promoted, and by the silence", async () => {
  const silent = operations.filter((line) => line.k !== "ok" || line.t < 5 * S);
  const nobody = events.filter(({ what }) => what !== "promoted");
  const seen = await verdict({ operations: silent, events: nobody, final: final.slice(0, 49) });
  expect(seen.outcome).toBe("failed");
  expect(seen.reasons).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^expected failovers=1, and it was 0/),
      expect.stringMatching(/^expected gap<3s, and it was 15\.1/),
      "mymaster acknowledged no write after the lab was said to be healthy",
    ]),
  );
});

test.each<[string, Partial<WrittenHistory>, string]>([
  [
    "two masters",
    withInstance("redis-18:6379", { role: "master", master: "", link: undefined, fileRole: "master", fileMaster: undefined }),
    "one-master",
  ],
  ["a replica without a link", withInstance("redis-18:6379", { link: "down" }), "replicas"],
  ["a replica that is far behind", withInstance("redis-18:6379", { lagBytes: 5_000_000 }), "replicas"],
  ["a replica of nobody", withInstance("redis-18:6379", { master: "redis-48:6379", fileMaster: "redis-48:6379" }), "replicas"],
  ["an instance that is down", withInstance("redis-38:26379", { state: "down" }), "answering"],
  ["a file that would bring the old role back", withInstance("redis-18:6379", { fileRole: "master", fileMaster: undefined }), "files"],
  ["a fault that is left", withState(() => ({ faultsLeft: ["the fault 1a2b3c4d is not undone"] })), "faults-left"],
  ["a status that says so", withState(() => ({ healthy: false, problems: ["redis-18:6379 is missing."] })), "healthy"],
])("a lab said healed that has %s is caught", async (_, changes, check) => {
  expect((await verdict(changes)).failed).toContain(check);
});

test("sentinels that name two masters are caught", async () => {
  const other = {
    instance: "redis-48:26379",
    role: "sentinel",
    state: "up",
    master: "",
    slots: "",
    view: "mymaster=10.0.0.18:6379",
  } as const;
  expect((await verdict(withState(({ instances }) => ({ instances: [...instances, other] })))).failed).toEqual(["agreed"]);
});

test("a clock that jumps makes no duration believable", async () => {
  const jumped: EventLine = { t: 12 * S, source: "poll", node: "redis-28:6379", what: "clock-jumped", value: -3_600_000 };
  expect(await verdict({ events: [...events, jumped] })).toMatchObject({ outcome: "failed", failed: ["clock"] });
  const back = operations.map((line) => (line.o > 150 ? { ...line, t: line.t - 10 * S } : line));
  expect((await verdict({ operations: back })).failed).toContain("clock");
});

test("in a cluster slots have one owner each, epochs are unique, and none goes back", async () => {
  const node = (instance: string, slots: string, epoch: number) =>
    ({ instance, role: "master", state: "up", master: "", slots, epoch, view: "a" }) as const;
  const cluster = async (...instances: FinalState["instances"][number][]) =>
    (await verdict({ header: { layout: "cluster" }, state: { ...HEALTHY, instances } })).failed;
  expect(await cluster(node("a:1", "0-5460", 1), node("b:1", "5461-16383", 2))).toEqual([]);
  expect(await cluster(node("a:1", "0-5460", 1), node("b:1", "5462-16383", 2))).toEqual(["slots"]);
  expect(await cluster(node("a:1", "0-5460", 1), node("b:1", "5460-16383", 2))).toEqual(["one-master", "slots"]);
  expect(await cluster(node("a:1", "0-5460", 2), node("b:1", "5461-16383", 2))).toEqual(["epochs"]);
  const epoch = (t: number, value: number): EventLine => ({ t: t * S, source: "poll", node: "a:1", what: "epoch", about: "b:1", value });
  expect((await verdict({ events: [...events, epoch(8, 7), epoch(9, 6)] })).failed).toEqual(["epochs"]);
});

test("a drill whose fault was never made proves nothing, and neither does one after which the lab was not healthy", async () => {
  const without = (what: string) => ({ events: events.filter((event) => event.what !== what) });
  expect(await verdict(without("fault"), "lost=0")).toMatchObject({
    outcome: "failed",
    failed: ["played"],
    reasons: ["no fault was made"],
  });
  expect(await verdict(without("settled"))).toMatchObject({ outcome: "failed", reasons: ["the lab was not healthy again"] });
});

test("status that was to say something, and did not, is a fault", async () => {
  const unsaid: EventLine = { t: 8 * S, source: "drill", what: "note", text: "status says nothing of quorum" };
  expect(await verdict({ events: [...events, unsaid] })).toMatchObject({ outcome: "failed", failed: ["said"] });
});

test("a run that was killed is judged as far as it goes", async () => {
  const half: WrittenHistory = { operations: operations.slice(0, 120), events: events.slice(0, 4) };
  const seen = verdictOf(await judged(half), parseExpectations("lost=0,gap<3s"));
  expect(seen.outcome).toBe("interrupted");
  expect(seen.reasons).toEqual([expect.stringMatching(/^the run did not come to its end; not judged: lost, looked-at, phantom/)]);
  const wrong = verdictOf(await judged(half), parseExpectations("gap<100ms"));
  expect(wrong.outcome).toBe("failed");
});

test("a load on its own is judged as far as it goes: reads and latencies, and no end of the lab", async () => {
  const load: Partial<WrittenHistory> = { header: { drill: undefined }, events: [], final: undefined, state: undefined };
  expect((await verdict(load, "acknowledged>0")).outcome).toBe("passed");
  expect((await verdict(load, "gap<1s")).reasons).toEqual([expect.stringMatching(/^expected gap<1s, and it was/)]);
  expect((await verdict(load, "lost=0")).reasons).toEqual(["expected lost=0, and it was not measured"]);
  const old: OperationLine[] = [
    { k: "invoke", o: 900, t: 21 * S, w: 0, op: "read", key: "load:{a}:0:1" },
    { k: "ok", o: 900, t: 21 * S + 10, v: null },
  ];
  expect(await verdict({ ...load, operations: [...operations, ...old] }, "acknowledged>0")).toMatchObject({
    outcome: "failed",
    failed: ["stale"],
  });
});
