import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { casesOf } from "../support/full.ts";
import {
  CALM_MS,
  type CliResult,
  changedOf,
  makeProject,
  serversIn,
  smallCluster,
  smallSentinel,
  type TestProject,
} from "../support/project.ts";
import { randomFrom } from "../support/random.ts";

// `up` is killed, and run again: it continues, adopts what the killed run has started, and ends in the same state. `npm run test:full` kills it at every step of the way.

const cluster = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 58]),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18" },
    nodeTimeoutMs: CALM_MS,
  },
});
const sentinel = smallSentinel();
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(cluster, sentinel);
});
afterAll(() => project.remove());

/** What must be the same however often `up` was cut off: roles, slots, masters; and one process an instance. */
async function endState(lab: LabInput): Promise<unknown> {
  const status = JSON.parse((await project.ok(["status", lab.name, "--json"])).stdout);
  const servers = (await serversIn(join(project.folder, ".redis-lab", lab.name))).map(({ endpoint }) => endpoint).sort();
  const rows = status.rows.map(({ instance, role, slots, master, state }: Record<string, unknown>) => ({
    instance,
    role,
    slots,
    master,
    state,
  }));
  return { healthy: status.healthy, rows, servers };
}

/** Runs `up` and sends a signal when a line of progress matches, or after some time. */
async function cutOff(lab: LabInput, when: RegExp | number, signal: NodeJS.Signals): Promise<CliResult> {
  let sent = false;
  const { child, result } = project.start(["up", lab.name], {
    onLine: (line) => {
      if (typeof when === "number" || sent || !when.test(line)) return;
      sent = true;
      child.kill(signal);
    },
  });
  const timer = typeof when === "number" ? setTimeout(() => child.kill(signal), when) : undefined;
  const ended = await result;
  clearTimeout(timer);
  return ended;
}

async function completes(lab: LabInput, about: string): Promise<void> {
  const again = await project.run(["up", lab.name]);
  expect(again.code, `${about}\n${again.stderr}\n${again.stdout}`).toBe(0);
  const third = await project.ok(["up", lab.name]);
  expect(changedOf(third), `${about}\n${third.stderr}`).toBe(0);
}

let wanted: { cluster: unknown; sentinel: unknown };
let tookMs: { cluster: number; sentinel: number };

test("the state that an undisturbed run ends in", async () => {
  const timed = async (lab: LabInput) => {
    const begin = performance.now();
    await project.ok(["up", lab.name]);
    return performance.now() - begin;
  };
  tookMs = { cluster: await timed(cluster), sentinel: await timed(sentinel) };
  wanted = { cluster: await endState(cluster), sentinel: await endState(sentinel) };
});

test.each(
  casesOf([
    { lab: cluster, at: "the first folders", when: /^redis-\d+ folders changed/ },
    { lab: cluster, at: "the first install", when: /^redis-\d+ install changed/ },
    { lab: cluster, at: "the first files", when: /^redis-\d+ files changed/ },
    { lab: cluster, at: "the first start", when: /^redis-\d+ start changed/, sample: true },
    { lab: cluster, at: "the first slots", when: /layout changed: give \S+ the slots/ },
    { lab: cluster, at: "the first introduction", when: /layout changed: introduce/, sample: true },
    { lab: cluster, at: "the first replica", when: /layout changed: make/, sample: true },
    { lab: sentinel, at: "the first start", when: /^redis-\d+ start changed/, sample: true },
  ]),
)("$lab.name killed after $at", async ({ lab, at, when }) => {
  await project.wipe(lab);
  const killed = await cutOff(lab, when, "SIGKILL");
  expect(killed.code, `it was not killed: no line for ${at}\n${killed.stderr}`).toBeNull();
  await completes(lab, `killed after ${at}`);
  expect(await endState(lab)).toEqual(wanted[lab.name as keyof typeof wanted]);
});

const random = randomFrom(Number(process.env["REDIS_LAB_SEED"] ?? 4014));

test.each(
  casesOf(
    [...Array(5).keys()].map((index) => ({ index, lab: index < 4 ? cluster : sentinel, share: random().toFixed(3), sample: index === 0 })),
  ),
)("$lab.name killed at a random moment ($index), after $share of its time", async ({ lab, share }) => {
  await project.wipe(lab);
  const afterMs = Number(share) * tookMs[lab.name as keyof typeof tookMs];
  await cutOff(lab, afterMs, "SIGKILL");
  await completes(lab, `killed after ${Math.round(afterMs)} ms`);
  expect(await endState(lab)).toEqual(wanted[lab.name as keyof typeof wanted]);
});

test("killed again and again before it gets far, it still arrives", async () => {
  await project.wipe(cluster);
  for (const when of [/folders changed/, /install changed/, /files changed/, /start changed/, /layout changed/])
    await cutOff(cluster, when, "SIGKILL");
  await completes(cluster, "killed at each step in turn");
  expect(await endState(cluster)).toEqual(wanted.cluster);
});

test("Ctrl-C ends with 130 and a word, and the next run continues", async () => {
  await project.wipe(cluster);
  const interrupted = await cutOff(cluster, /files changed/, "SIGINT");
  expect(interrupted.code).toBe(130);
  expect(interrupted.stderr).toContain("interrupted; ending what runs (again to leave at once). Run the same command again: it continues.");
  expect(interrupted.stderr).not.toMatch(/defect|AbortError|^\s+at /m);
  expect(existsSync(join(project.folder, ".redis-lab/cluster/local/lock"))).toBe(false);
  await completes(cluster, "interrupted");
  expect(await endState(cluster)).toEqual(wanted.cluster);
});
