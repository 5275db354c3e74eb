import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { applyCluster } from "../../lib/cluster/apply/apply.ts";
import { awaitAgreement } from "../../lib/cluster/gossip/await-agreement.ts";
import { observeCluster } from "../../lib/cluster/model/observe.ts";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { planCluster } from "../../lib/cluster/plan/create-and-join.ts";
import { Lab, PASSWORD } from "../../test/cluster/support.ts";
import { option, percentile, timed } from "../compare.ts";
import type { Client } from "./client.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/latency/run.ts [--redis-cli FILE]
//
// What clients of two masters feel, in milliseconds a read, while 400 slots with 80,000 keys of 1,000 bytes move from one to the other: without a move, with one by redis-lab at full speed and throttled, and
// with one by `redis-cli --cluster` (5.0 or newer). Needs a compiled redis-lab (npm run build).

const SLOTS = 400;
const KEYS = 80_000;
const redisCli = option("redis-cli") ?? `${process.env["REDIS_LAB_TEST_BIN"]}/redis-cli`;
const mover = fileURLToPath(new URL("mover.mjs", import.meta.url));
if (!existsSync(redisCli)) throw new Error(`no ${redisCli}: name one with --redis-cli`);

const lab = await Lab.start(["m1", "m2", "m3"]);
let reader: Worker | undefined;
try {
  await applyCluster(planCluster(await observeCluster(lab.members, lab.access), lab.members), lab.members, lab.access, { emit: () => {} });
  await fill();
  reader = await startReader();
  const idle = new Promise<void>((resolve) => setTimeout(resolve, 5000));
  print("no move", 5, await readsDuring(reader, idle));
  let there = true;
  for (const [name, throttle] of [
    ["redis-lab", {}],
    ["redis-lab, --max-latency 5ms", { maxLatencyMs: 5 }],
    ["redis-lab, --max-rate 10000", { keysPerSecond: 10_000 }],
    ["redis-cli", undefined],
  ] as const) {
    const missing = await awaitAgreement(lab.members, lab.access);
    if (missing !== undefined) throw new Error(missing);
    const [source, target] = there ? (["m1:6379", "m2:6379"] as const) : (["m2:6379", "m1:6379"] as const);
    there = !there;
    const begin = performance.now();
    const moving =
      throttle === undefined
        ? byRedisCli(source, target)
        : timed(process.execPath, [mover, JSON.stringify({ members: lab.members, source, target, throttle })], {
            BENCH_PASSWORD: PASSWORD,
          });
    const reads = await readsDuring(reader, moving);
    print(name, (performance.now() - begin) / 1000, reads);
  }
} finally {
  await reader?.terminate();
  await lab.stop();
}

function print(name: string, seconds: number, reads: readonly number[]): void {
  const figures = [0.5, 0.99, 0.999, 1].map((share) => percentile(reads, share).toFixed(2).padStart(8));
  if (name === "no move") console.log(`${"".padEnd(30)}  seconds     p50      p99    p99.9      max   (ms a read)`);
  console.log(`${name.padEnd(30)} ${seconds.toFixed(1).padStart(8)}${figures.join(" ")}`);
}

/** How long reads took that were made until something ended, in milliseconds. */
async function readsDuring(worker: Worker, ended: Promise<unknown>): Promise<readonly number[]> {
  worker.postMessage("begin");
  await once(worker, "message");
  await ended;
  worker.postMessage("end");
  const [took] = (await once(worker, "message")) as [number[]];
  return took;
}

async function startReader(): Promise<Worker> {
  const keyOf = (first: number, last: number): string => {
    for (let index = 0; ; index += 1) if (keySlot(`read:${index}`) > first && keySlot(`read:${index}`) < last) return `read:${index}`;
  };
  const [one, two] = [lab.member("m1:6379"), lab.member("m2:6379")];
  const servers = [
    { address: one.address, port: one.port, key: keyOf(SLOTS, 5460) },
    { address: two.address, port: two.port, key: keyOf(5461, 10_922) },
  ];
  const workerData: Client = { servers, password: PASSWORD };
  return new Worker(new URL("client.ts", import.meta.url), { workerData, execArgv: ["--import", "jiti/register"] });
}

async function fill(): Promise<void> {
  const client = await lab.access.connect("m1:6379");
  const commands: string[][] = [];
  for (let index = 0; commands.length < KEYS; index += 1)
    if (keySlot(`key:${index}`) < SLOTS) commands.push(["SET", `key:${index}`, "x".repeat(1000)]);
  await client.callAll(commands, { timeoutMs: 60_000 });
  client.close();
}

async function byRedisCli(source: string, target: string): Promise<void> {
  const [from, to] = [await lab.call(source, "CLUSTER", "MYID"), await lab.call(target, "CLUSTER", "MYID")].map(String);
  const { address, port } = lab.member(source);
  const words = ["--cluster-from", from ?? "", "--cluster-to", to ?? "", "--cluster-slots", String(SLOTS), "--cluster-yes"];
  await timed(redisCli, ["--cluster", "reshard", `${address}:${port}`, ...words, "--cluster-pipeline", "1000"], {
    REDISCLI_AUTH: PASSWORD,
  });
}
