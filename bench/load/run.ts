import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@redis/client";
import type { LoadSettings, Traffic } from "../../lib/drill/load/settings.ts";
import { startServer } from "../../test/support/redis.ts";
import { median, option } from "../compare.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/load/run.ts [--runs 5]
//
// What one process of `redis-lab load` can do, against `redis-benchmark` of the same build, on the same server, both asked for all that they can do: SETs of 16 bytes with 48 operations under way without pipelining
// (redis-benchmark: 48 connections), then with a pipeline of 16 (768 under way), and the processor time (user and system, from start to end) that the generator takes. Beside them @redis/client alone with as many
// commands under way. Not alike is: redis-lab has one connection for each master, as applications that use node-redis have, so that its commands share system calls, which redis-benchmark without pipelining can't;
// and it writes two lines of its ledger for each operation, on disk before it sends and before it counts, where redis-benchmark keeps no account. With a pipeline @redis/client alone reaches a fifth of redis-benchmark (312 against 1,520 thousand a core with 16 under way on each of 48 connections), and a load with its ledger less than half of that. Then the latency
// at one rate: redis-benchmark has no rate, so it is the p99 of the server as seen by it with one connection that is never idle, which is the least that any generator can see. Needs `npm run build`.

const bin = process.env["REDIS_LAB_TEST_BIN"];
if (bin === undefined) throw new Error("name a folder with redis-server and redis-benchmark: REDIS_LAB_TEST_BIN");
// Compiled, as its users have it: from the sources most of the time would go into reading them.
const { startLoad }: typeof import("../../lib/drill/load/start-load.ts") = await import(
  new URL("../../dist/lib/drill/load/start-load.js", import.meta.url).href
);
const runs = Number(option("runs") ?? 5);
const UNDER_WAY = 48;
const SECONDS = 15;
const PIPELINE = 16;
/** Operations a second that are more than it can do, and at which latency is looked at. */
const BUSY_RATE = Number(option("busy-rate") ?? 1_000_000);
const RATE = 2_000;

const server = await startServer();
const traffic: Traffic = { client: "master", shards: [{ name: "master", master: server }] };
const settings: LoadSettings = {
  rate: RATE,
  forMs: SECONDS * 1000,
  writers: UNDER_WAY,
  keys: "uniform",
  keyCount: 100,
  size: 16,
  reads: 0,
  pipeline: 1,
  timeoutMs: 10_000,
  seed: 1,
};

/** Seconds of processor time that the children of this process took which have ended. */
async function childSeconds(): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile("/proc/self/stat", "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

async function ours(changes: Partial<LoadSettings>) {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-bench-"));
  try {
    const before = await childSeconds();
    const load = await startLoad({ settings: { ...settings, ...changes }, traffic, password: undefined, folder, id: "bench", keep: true });
    const { summary } = await load.ended;
    return { ...summary, cpu: (await childSeconds()) - before };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function redisBenchmark(...words: readonly string[]) {
  const before = await childSeconds();
  const args = ["-h", server.address, "-p", String(server.port), "-t", "set", "-d", "16", "-r", "100000", "--csv", ...words];
  const { stdout } = await promisify(execFile)(join(bin as string, "redis-benchmark"), args);
  const line = stdout.split("\n").find((each) => each.startsWith('"SET"')) ?? "";
  // From 7.0 on: test, rps, avg, min, p50, p95, p99, max; before only the first two.
  const [, perSecond, , , p50, , p99] = line.split(",").map((cell) => Number(cell.replaceAll('"', "")));
  return { perSecond: perSecond ?? Number.NaN, p50, p99, cpu: (await childSeconds()) - before };
}

/** @redis/client without anything around it. */
async function nodeRedis(underWay: number, requests: number) {
  const client = createClient({
    RESP: 2,
    disableClientInfo: true,
    commandOptions: { timeout: 0 },
    socket: { host: server.address, port: server.port },
  });
  await client.connect();
  const value = "x".repeat(settings.size);
  let sent = 0;
  const before = process.cpuUsage();
  const began = performance.now();
  const loop = async () => {
    while (sent < requests) {
      sent += 1;
      await client.sendCommand(["SET", `key:${sent % 100_000}`, value]);
    }
  };
  await Promise.all(Array.from({ length: underWay }, loop));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  client.destroy();
  return { perSecond: requests / seconds, perCore: (requests / (user + system)) * 1e6 };
}

interface Figures {
  readonly perSecond: number;
  readonly perCore: number;
}

try {
  const figures = new Map<number, { readonly mine: Figures[]; readonly alone: Figures[]; readonly theirs: Figures[] }>();
  const latency: { readonly ours: number; readonly late: number; readonly theirs: number | undefined }[] = [];
  for (let run = 0; run < runs; run += 1) {
    for (const [pipeline, requests] of [
      [1, 400_000],
      [PIPELINE, 3_000_000],
    ] as const) {
      const of = figures.get(pipeline) ?? { mine: [], alone: [], theirs: [] };
      figures.set(pipeline, of);
      const full = await ours({ rate: BUSY_RATE, pipeline, timeoutMs: 1_000 });
      of.mine.push({ perSecond: full.rateReached, perCore: full.acknowledged / full.cpu });
      of.alone.push(await nodeRedis(UNDER_WAY * pipeline, 1_000_000));
      const other = await redisBenchmark("-c", String(UNDER_WAY), "-P", String(pipeline), "-n", String(requests));
      of.theirs.push({ perSecond: other.perSecond, perCore: requests / other.cpu });
    }
    const steady = await ours({});
    const one = await redisBenchmark("-c", "1", "-n", "50000");
    latency.push({ ours: steady.latency.writes.p99, late: steady.late.p99, theirs: one.p99 });
  }
  const line = (name: string, all: readonly Figures[]) => {
    const [perSecond, perCore] = [median(all.map((each) => each.perSecond)), median(all.map((each) => each.perCore))];
    console.log(
      `${name.padEnd(20)} ${perSecond.toFixed(0).padStart(8)}/s   ${perCore.toFixed(0).padStart(8)} for a second of processor time`,
    );
    return perCore;
  };
  for (const [pipeline, { mine, alone, theirs }] of figures) {
    console.log(`SETs of 16 bytes, ${UNDER_WAY} writers or connections with a pipeline of ${pipeline}, medians of ${runs} runs`);
    const own = line("redis-lab load", mine);
    line("@redis/client alone", alone);
    console.log(`redis-lab does ${(own / line("redis-benchmark", theirs)).toFixed(2)} of redis-benchmark per core`);
  }
  console.log(
    `p99 at ${RATE}/s, from the moment each was due: ${median(latency.map((each) => each.ours)).toFixed(2)} ms, of which the p99 of being sent late ${median(latency.map((each) => each.late)).toFixed(2)} ms`,
  );
  console.log(
    `p99 of redis-benchmark, one connection that is never idle: ${median(latency.map((each) => each.theirs ?? Number.NaN)).toFixed(2)} ms`,
  );
} finally {
  await server.stop();
}
