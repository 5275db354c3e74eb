import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { awaitAgreement } from "../../lib/cluster/gossip/await-agreement.ts";
import { Lab, PASSWORD } from "../../test/cluster/support.ts";
import { median, option, report, timed } from "../compare.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/create/run.ts [--nodes 6,60,120,200] [--rounds N] [--busy N] [--redis-cli FILE]
//
// Seconds to make a cluster of servers that run already, a replica for each master, until all nodes agree: redis-trib of redis-lab and `redis-cli --cluster` (5.0 or newer), as they are typed, in turns; and
// what each of them costs whatever else the computer does: seconds of processor of the program and of the servers, and MEETs that the servers sent. With --busy so many loops compute beside it.
// Aims: at most 0.4 of the time of redis-cli, and beside two loops no more than its time. Needs a compiled redis-lab (npm run build).

const rounds = Number(option("rounds") ?? 5);
const sizes = (option("nodes") ?? "6,60,120,200").split(",").map(Number);
const redisCli = option("redis-cli") ?? `${process.env["REDIS_LAB_TEST_BIN"]}/redis-cli`;
const redisTrib = fileURLToPath(new URL("../../dist/lib/cli/trib.js", import.meta.url));
if (!existsSync(redisCli)) throw new Error(`no ${redisCli}: name one with --redis-cli`);

const busy = Number(option("busy") ?? 0);
const loops = Array.from({ length: busy }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));

for (const size of sizes) {
  const lab = await Lab.start(Array.from({ length: size }, (_, index) => `m${index + 1}`));
  try {
    const nodes = lab.members.map(({ address, port }) => `${address}:${port}`);
    const runs: Record<"redis-lab" | "redis-cli", Cost[]> = { "redis-lab": [], "redis-cli": [] };
    for (let round = 0; round < rounds; round += 1) {
      runs["redis-lab"].push(await create(lab, process.execPath, [redisTrib, "create", "--yes", "--replicas", "1", ...nodes]));
      const words = ["--cluster", "create", ...nodes, "--cluster-replicas", "1", "--cluster-yes"];
      runs["redis-cli"].push(await create(lab, redisCli, words));
    }
    const beside = busy > 0 ? `, beside ${busy} busy loops` : "";
    const [load = 0] = loadavg();
    report(`create of ${size} nodes, until all agree${beside}; median of ${rounds} rounds (min to max), load ${load.toFixed(1)}`, {
      "redis-lab": runs["redis-lab"].map(({ seconds }) => seconds),
      "redis-cli": runs["redis-cli"].map(({ seconds }) => seconds),
    });
    for (const [name, costs] of Object.entries(runs)) {
      const of = (key: keyof Cost) => median(costs.map((cost) => cost[key]));
      console.log(
        `  ${name.padEnd(12)} processor: ${of("program").toFixed(2)} s, servers ${of("servers").toFixed(2)} s; ${of("meets")} MEETs`,
      );
    }
  } finally {
    await lab.stop();
  }
}
for (const loop of loops) loop.kill();

interface Cost {
  /** Until all agree. */
  readonly seconds: number;
  /** Seconds of processor of the program. */
  readonly program: number;
  /** The same of all servers together. */
  readonly servers: number;
  /** MEETs that the servers sent each other, asked to or by themselves. */
  readonly meets: number;
}

async function create(lab: Lab, file: string, args: readonly string[]): Promise<Cost> {
  await lab.reset();
  const before = { program: processorOf("self").children, servers: serversOf(lab), meets: await meetsOf(lab) };
  const begin = performance.now();
  await timed(file, args, { REDISCLI_AUTH: PASSWORD });
  const program = processorOf("self").children - before.program;
  const missing = await awaitAgreement(lab.members, lab.access, { passive: true, timeoutMs: 60_000 });
  if (missing !== undefined) throw new Error(missing);
  return {
    seconds: (performance.now() - begin) / 1000,
    program,
    servers: serversOf(lab) - before.servers,
    meets: (await meetsOf(lab)) - before.meets,
  };
}

/** Seconds of processor of a process, and of its children that have ended (proc_pid_stat(5), in ticks of 10 ms). */
function processorOf(pid: number | "self"): { readonly own: number; readonly children: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").map(Number) ?? [];
  const [own = 0, ownSystem = 0, children = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { own: (own + ownSystem) / 100, children: (children + childrenSystem) / 100 };
}

function serversOf({ servers }: Lab): number {
  return [...servers.values()].reduce((sum, { process: { pid } }) => sum + (pid === undefined ? 0 : processorOf(pid).own), 0);
}

async function meetsOf(lab: Lab): Promise<number> {
  const texts = await Promise.all(lab.members.map(({ id }) => lab.call(id, "CLUSTER", "INFO")));
  return texts.reduce((sum: number, text) => sum + Number(/^cluster_stats_messages_meet_sent:(\d+)/m.exec(String(text))?.[1] ?? 0), 0);
}
