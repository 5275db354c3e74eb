import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Rig, startMachines } from "../../test/machines/rig/rig.ts";
import { missingForWorld, runInWorld } from "../../test/machines/rig/world.ts";
import { testSource } from "../../test/support/sources.ts";
import { ansible, type Contender, redisLab } from "./contenders.ts";

// node --import jiti/register bench/provision/run.ts [--rounds N] [--only ansible|redis-lab] [--redis VERSION]
//
// Seconds from bare machines to a working cluster, and of a second run that has nothing to change: redis-lab against Ansible, on the same seven machines, in turns.
// 5.0.6 is had by itself; another VERSION, 4.0.14 too, needs its tarball in REDIS_LAB_TEST_SOURCES.
// Aims: with the build cached at most half of Ansible's time, with nothing to change a tenth. Needs root, ansible-core and a compiled redis-lab (npm run build).

const options = new Map<string, string>();
for (let at = 2; at < process.argv.length; at += 2) options.set(process.argv[at] ?? "", process.argv[at + 1] ?? "");
const rounds = Number(options.get("--rounds") ?? 3);
const version = options.get("--redis") ?? "5.0.6";

interface Measured {
  readonly compile: number;
  readonly cached: number[];
  readonly unchanged: number[];
}

async function main(): Promise<number> {
  if (process.env.REDIS_LAB_RIG === undefined) {
    const missing = await missingForWorld();
    if (missing !== undefined) throw new Error(missing);
    await testSource(version);
    return runInWorld([process.execPath, "--import", "jiti/register", "bench/provision/run.ts", ...process.argv.slice(2)], (line) =>
      console.error(line),
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-bench-"));
  const rig = await startMachines();
  try {
    const source = await testSource(version);
    const all = [ansible(rig, source, join(folder, "ansible")), redisLab(rig, source, join(folder, "redis-lab"))];
    const contenders = all.filter(({ name }) => options.get("--only") === undefined || options.get("--only") === name);
    const measured = new Map<string, Measured>();
    for (const contender of contenders) {
      const compile = await fresh(rig, contender);
      measured.set(contender.name, { compile, cached: [], unchanged: [] });
      console.error(`${contender.name}: ${compile.toFixed(1)} s with the compile`);
    }
    for (let round = 1; round <= rounds; round += 1) {
      // Who begins changes from round to round: the later one finds a warmer computer.
      for (const contender of round % 2 === 0 ? contenders.toReversed() : contenders) {
        const cached = await fresh(rig, contender);
        const second = await contender.up();
        if (second.changed !== 0)
          throw new Error(`${contender.name} changed ${second.changed} things in its second run:\n${second.output.slice(-4000)}`);
        measured.get(contender.name)?.cached.push(cached);
        measured.get(contender.name)?.unchanged.push(second.seconds);
        console.error(
          `round ${round}: ${contender.name}: ${cached.toFixed(1)} s with the build cached, ${second.seconds.toFixed(2)} s unchanged`,
        );
      }
    }
    print(measured);
    return 0;
  } finally {
    await rig.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One run on bare machines, proved by looking at them; returns its seconds. */
async function fresh(rig: Rig, contender: Contender): Promise<number> {
  await rig.reset();
  await contender.forget();
  const { seconds } = await contender.up();
  const look = "REDISCLI_AUTH=$(awk '$1 == \"requirepass\" { print $2 }' /apps/redis/etc/redis.conf) redis-cli -h 192.168.1.18 cluster";
  const state = await rig.machine("redis-18").exec(`${look} info; ${look} nodes`);
  const replicas = state.match(/ (myself,)?slave [0-9a-f]{40} /g)?.length;
  if (!state.includes("cluster_state:ok") || !state.includes("cluster_known_nodes:6") || replicas !== 3) {
    throw new Error(`${contender.name} left no working cluster:\n${state}`);
  }
  return seconds;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

function print(measured: ReadonlyMap<string, Measured>): void {
  const [other, own] = [measured.get("ansible"), measured.get("redis-lab")];
  const row = (title: string, value: (of: Measured) => number) => {
    const cells = [other, own].map((each) => (each === undefined ? "-" : value(each).toFixed(2)));
    const ratio = other === undefined || own === undefined ? "-" : (value(own) / value(other)).toFixed(3);
    console.log([title.padEnd(32), ...cells.map((cell) => cell.padStart(10)), ratio.padStart(10)].join(""));
  };
  console.log(["seconds (median)".padEnd(32), "ansible".padStart(10), "redis-lab".padStart(10), "ratio".padStart(10)].join(""));
  row("first run, with the compile", ({ compile }) => compile);
  row("first run, build cached", ({ cached }) => median(cached));
  row("nothing to change", ({ unchanged }) => median(unchanged));
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
