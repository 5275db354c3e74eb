import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadSettings, Traffic } from "../../lib/drill/load/settings.ts";
import { startServer } from "../../test/support/redis.ts";
import { median, option } from "../compare.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/load/run.ts [--runs 5]
//
// What one process of `redis-lab load` can do, against `redis-benchmark` of the same build, on the same server: SETs of 16 bytes over 48 connections' worth of operations under way, and the processor time that
// the generator takes for each. redis-lab writes two lines of its ledger for each, on disk before it sends and before it counts; redis-benchmark keeps no account. Then the latency at one rate: redis-benchmark
// has no rate, so it is the p99 of the server as seen by redis-benchmark with one connection that is never idle, which is the least that any generator can see. Needs a compiled redis-lab (npm run build).

const bin = process.env["REDIS_LAB_TEST_BIN"];
if (bin === undefined) throw new Error("name a folder with redis-server and redis-benchmark: REDIS_LAB_TEST_BIN");
// Compiled, as its users have it: from the sources most of the time would go into reading them.
const { startLoad }: typeof import("../../lib/drill/load/start-load.ts") = await import(
  new URL("../../dist/lib/drill/load/start-load.js", import.meta.url).href
);
const runs = Number(option("runs") ?? 5);
const UNDER_WAY = 48;
const SECONDS = 15;
/** Operations a second at which processor time is looked at, and at which latency is. */
const BUSY_RATE = Number(option("busy-rate") ?? 10_000);
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

try {
  const mine: { perSecond: number; perCore: number }[] = [];
  const theirs: typeof mine = [];
  const latency: { readonly ours: number; readonly late: number; readonly theirs: number | undefined }[] = [];
  for (let run = 0; run < runs; run += 1) {
    // A rate that it holds: what counts is the processor time that each operation takes. An open loop that is asked for more than it can do spends its time on writing down what it did not send.
    const full = await ours({ rate: BUSY_RATE });
    mine.push({ perSecond: full.rateReached, perCore: full.acknowledged / full.cpu });
    const requests = 400_000;
    const other = await redisBenchmark("-c", String(UNDER_WAY), "-n", String(requests));
    theirs.push({ perSecond: other.perSecond, perCore: requests / other.cpu });
    const steady = await ours({});
    const one = await redisBenchmark("-c", "1", "-n", "50000");
    latency.push({ ours: steady.latency.writes.p99, late: steady.late.p99, theirs: one.p99 });
  }
  const of = (name: string, all: typeof mine) => {
    const [perSecond, perCore] = [median(all.map((each) => each.perSecond)), median(all.map((each) => each.perCore))];
    console.log(
      `${name.padEnd(16)} ${perSecond.toFixed(0).padStart(8)}/s   ${perCore.toFixed(0).padStart(8)} for a second of processor time`,
    );
    return perCore;
  };
  console.log(`SETs of 16 bytes, ${UNDER_WAY} under way, medians of ${runs} runs`);
  const own = of("redis-lab load", mine);
  const other = of("redis-benchmark", theirs);
  console.log(`redis-lab does ${(own / other).toFixed(2)} of it per core`);
  console.log(
    `p99 at ${RATE}/s, from the moment each was due: ${median(latency.map((each) => each.ours)).toFixed(2)} ms, of which the p99 of being sent late ${median(latency.map((each) => each.late)).toFixed(2)} ms`,
  );
  console.log(
    `p99 of redis-benchmark, one connection that is never idle: ${median(latency.map((each) => each.theirs ?? Number.NaN)).toFixed(2)} ms`,
  );
} finally {
  await server.stop();
}
