import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { randomFrom } from "../../../lib/base/random.ts";
import { micros } from "../../../lib/drill/clock.ts";
import type { EventLine } from "../../../lib/drill/history.ts";
import { openHistory } from "../../../lib/drill/reading/history-folder.ts";
import type { DrillPorts } from "../../../lib/drill/run/ports.ts";
import { runDrillScenario } from "../../../lib/drill/run/run-drill.ts";
import { type DrillInput, defineDrill } from "../../../lib/drill/scenarios/drill.ts";
import { HEADER, HEALTHY, write } from "../histories.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-run-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const INPUT: DrillInput = {
  name: "mine",
  about: "a master is killed",
  given: { layouts: ["sentinel"] },
  load: { before: "50ms", after: "50ms" },
  fault: [
    { do: "fault", fault: "kill", targets: ["master"] },
    { do: "wait", for: "promoted", within: "30s" },
  ],
  expect: "lost=0",
};

/** A lab that does what it is told, and writes down what that was. */
function pretended(changes: Partial<DrillPorts> = {}) {
  const did: string[] = [];
  let emit: (event: EventLine) => void = () => {};
  let acknowledged = 0;
  const ports: DrillPorts = {
    roles: async () => [
      { host: "a", instance: "a:1", role: "master", state: "up", slotCount: 0, master: "" },
      { host: "b", instance: "b:1", role: "replica", state: "up", slotCount: 0, master: "a:1" },
    ],
    problems: async () => [],
    async startLoad(at) {
      did.push("load");
      await writeFile(
        join(at, "operations.jsonl"),
        write(1, 1, 1)
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(""),
      );
      return {
        writers: HEADER.writers,
        acknowledged: () => (acknowledged += 1),
        stop: async () => void did.push("load stopped"),
        ended: new Promise(() => {}),
      };
    },
    observe(tell) {
      emit = tell;
      return { stop: async () => void did.push("observer stopped") };
    },
    async inject({ fault, targets }) {
      did.push(`${fault} ${targets.join(" ")}`);
      const now = micros();
      setTimeout(() => emit({ t: micros(), source: "sentinel", node: "s:1", what: "promoted", about: "b:1" }), 20);
      return { id: "1a2b3c4d", fault, touched: targets, says: [], undoable: true, fromMicros: now, toMicros: now, until: undefined };
    },
    heal: async () => void did.push("heal"),
    start: async (instances) => void did.push(`start ${instances.join(" ")}`),
    failover: async () => void did.push("failover"),
    reshard: async () => {},
    rollingRestart: async () => {},
    up: async () => void did.push("up"),
    set: async () => {},
    finalState: async () => HEALTHY,
    readFinal: async (at) => writeFile(join(at, "final.jsonl"), '{"key":"load:{a}:0:1","v":1}\n'),
    say: () => {},
    ...changes,
  };
  return { ports, did };
}

function run(ports: DrillPorts, input: DrillInput = INPUT, signal?: AbortSignal) {
  return runDrillScenario(ports, {
    drill: defineDrill(input),
    folder,
    header: HEADER,
    times: { timeoutMs: 1_000, failoverMs: 1_000 },
    random: randomFrom(1),
    now: () => new Date(),
    signal,
  });
}

const told = async () => (await openHistory(folder)).events.map(({ what }) => what);

test("load, fault, recovery and a last look, each in its place", async () => {
  const { ports, did } = pretended();
  expect(await run(ports)).toEqual({ interrupted: false, left: [] });
  expect(did).toEqual(["load", "kill a:1", "heal", "up", "heal", "load stopped", "observer stopped"]);
  expect(await told()).toEqual(["load-began", "fault", "promoted", "recovery", "fault-undone", "settled", "load-ended"]);
});

test("what does not come is noted, and the drill goes on", async () => {
  const { ports } = pretended();
  await run(ports, {
    ...INPUT,
    fault: [
      { do: "fault", fault: "kill", targets: ["master"] },
      { do: "wait", for: "tilt", within: "100ms" },
    ],
  });
  const { events } = await openHistory(folder);
  expect(events.find(({ what }) => what === "note")?.text).toBe('no "tilt" was seen within 100ms');
});

test("an interruption in the middle takes the faults back, and is told from a whole run", async () => {
  const ending = new AbortController();
  const { ports, did } = pretended({
    inject: async ({ fault, targets }) => {
      ending.abort();
      return {
        id: "1a2b3c4d",
        fault,
        touched: targets,
        says: [],
        undoable: true,
        fromMicros: micros(),
        toMicros: micros(),
        until: undefined,
      };
    },
  });
  expect((await run(ports, INPUT, ending.signal)).interrupted).toBe(true);
  expect(did).toEqual(["load", "heal", "load stopped", "observer stopped"]);
  expect(await told()).toEqual(["load-began", "fault", "interrupted", "recovery", "load-ended"]);
  expect((await openHistory(folder)).hasFinal).toBe(false);
});

test("a step that fails heals as well, is in the history, and says what is left", async () => {
  const broken = new LabError({ code: "up.broken", kind: "environment", what: "redis-18 has no disk.", next: "Give it one." });
  const { ports, did } = pretended({ up: async () => Promise.reject(broken) });
  expect(await run(ports)).toEqual({ interrupted: false, left: ["redis-18 has no disk."] });
  expect(did.slice(-3)).toEqual(["heal", "load stopped", "observer stopped"]);
  expect(await told()).not.toContain("settled");
});

test("a load that breaks ends the drill", async () => {
  const broken = new LabError({ code: "drill.load-broke", kind: "environment", what: "The load ended.", next: "Look." });
  const { ports } = pretended();
  const load = await ports.startLoad(folder);
  const ended = Promise.reject(broken);
  ended.catch(() => {});
  expect(await run({ ...ports, startLoad: async () => ({ ...load, ended }) })).toEqual({ interrupted: false, left: ["The load ended."] });
});

test("a lab without a master is refused before anything is written", async () => {
  const { ports, did } = pretended({ roles: async () => [] });
  await expect(run(ports)).rejects.toMatchObject({ code: "drill.no-master" });
  expect(did).toEqual([]);
});
