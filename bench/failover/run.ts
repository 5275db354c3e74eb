import type { DrillRunReport } from "../../lib/operations/drill/run.ts";
import { makeProject, smallCluster, smallReplication, smallSentinel } from "../../test/support/project.ts";
import { median, option } from "../compare.ts";

// node --import jiti/register bench/failover/run.ts [--runs 10] [--timeout-ms 5000] [--target local] [--layouts cluster,sentinel,replication]
//
// What a failover costs, by the drills: the longest silence between two acknowledged writes of a shard after kill -9 of its master, against the floor that Redis itself sets, which is the time-out (cluster-node-timeout,
// down-after-milliseconds) and one election (a second), and the same of a planned failover, which has none. Aims: a median within 1.1 of the floor, and nothing lost by a planned failover. A lab of each layout is brought up once
// and the runs follow each other on it, so that the computer has nothing else to do. Needs a compiled redis-lab (npm run build), which is what is measured.

const runs = Number(option("runs") ?? 10);
const timeoutMs = Number(option("timeout-ms") ?? 5_000);
const target = option("target") ?? "local";
const layouts = (option("layouts") ?? "cluster,sentinel,replication").split(",");

const LABS = {
  cluster: smallCluster({
    disposable: true,
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
      nodeTimeoutMs: timeoutMs,
    },
  }),
  sentinel: smallSentinel({
    disposable: true,
    layout: {
      kind: "sentinel",
      masters: [
        {
          name: "mymaster",
          master: "redis-18",
          replicas: ["redis-28", "redis-38"],
          quorum: 2,
          downAfterMs: timeoutMs,
          failoverTimeoutMs: 10_000,
        },
      ],
      sentinels: ["redis-18", "redis-28", "redis-38"],
    },
  }),
  replication: smallReplication({ disposable: true }),
};

const project = await makeProject();

async function drill(lab: string, name: string): Promise<DrillRunReport> {
  const { stdout, stderr, code } = await project.run([
    "drill",
    "run",
    lab,
    name,
    "--runs",
    String(runs),
    "--seed",
    "1",
    "--expect",
    "gap=any",
    "--json",
  ]);
  if (code !== 0 && code !== 1) throw new Error(`${name} on ${lab} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout).drills[0];
}

function line(name: string, { runs: all }: DrillRunReport): void {
  const of = (figure: string) => all.flatMap(({ figures }) => figures[figure] ?? []);
  const [gaps, floors] = [of("gap").map((ms) => ms / 1_000), of("floor")];
  const range = `${median(gaps).toFixed(2)} s (${Math.min(...gaps).toFixed(2)} to ${Math.max(...gaps).toFixed(2)})`;
  const lost = of("lost").reduce((sum, each) => sum + each, 0);
  const failed = all.filter(({ verdict }) => verdict.outcome !== "passed").flatMap(({ verdict }) => verdict.reasons);
  const ratio = name === "master-kill" && floors.length > 0 ? `   ${median(floors).toFixed(2)} of the floor` : "";
  console.log(`  ${name.padEnd(18)} ${range}   ${lost} of ${of("acknowledged").reduce((sum, each) => sum + each, 0)} lost${ratio}`);
  for (const reason of failed) console.log(`    ${reason}`);
}

try {
  await project.write(...Object.values(LABS));
  for (const layout of layouts) {
    if (!Object.hasOwn(LABS, layout)) throw new Error(`there is no layout ${layout}: ${Object.keys(LABS).join(", ")}`);
    await project.ok(["up", layout, "--target", target]);
    const kill = layout === "replication" ? undefined : await drill(layout, "master-kill");
    const planned = await drill(layout, "planned-failover");
    console.log(`${layout}, Redis ${planned.runs[0]?.version}, time-out ${timeoutMs} ms, medians of ${runs} runs: silence of writes`);
    if (kill !== undefined) line("master-kill", kill);
    line("planned-failover", planned);
    await project.ok(["down", layout]);
  }
} finally {
  await project.remove();
}
