import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { settle } from "../../lib/cluster/settle.ts";
import { Lab, PASSWORD } from "../../test/cluster/support.ts";
import { option, report, timed } from "../compare.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/create/run.ts [--nodes 6,60] [--rounds N] [--redis-cli FILE]
//
// Seconds to make a cluster of servers that run already, a replica for each master, until all nodes agree: redis-trib of redis-lab and `redis-cli --cluster` (5.0 or newer), as they are typed, in turns.
// Aim: at most 0.4 of redis-cli. Needs a compiled redis-lab (npm run build).

const rounds = Number(option("rounds") ?? 5);
const sizes = (option("nodes") ?? "6,60").split(",").map(Number);
const redisCli = option("redis-cli") ?? `${process.env["REDIS_LAB_TEST_BIN"]}/redis-cli`;
const redisTrib = fileURLToPath(new URL("../../dist/lib/cli/trib.js", import.meta.url));
if (!existsSync(redisCli)) throw new Error(`no ${redisCli}: name one with --redis-cli`);

for (const size of sizes) {
  const lab = await Lab.start(Array.from({ length: size }, (_, index) => `m${index + 1}`));
  try {
    const nodes = lab.members.map(({ address, port }) => `${address}:${port}`);
    const seconds: Record<"redis-lab" | "redis-cli", number[]> = { "redis-lab": [], "redis-cli": [] };
    for (let round = 0; round < rounds; round += 1) {
      seconds["redis-lab"].push(await create(lab, process.execPath, [redisTrib, "create", "--yes", "--replicas", "1", ...nodes]));
      const words = ["--cluster", "create", ...nodes, "--cluster-replicas", "1", "--cluster-yes"];
      seconds["redis-cli"].push(await create(lab, redisCli, words));
    }
    report(`create of ${size} nodes, until all agree; median of ${rounds} rounds (min to max)`, seconds);
  } finally {
    await lab.stop();
  }
}

async function create(lab: Lab, file: string, args: readonly string[]): Promise<number> {
  await lab.reset();
  const begin = performance.now();
  await timed(file, args, { REDISCLI_AUTH: PASSWORD });
  const missing = await settle(lab.members, lab.access, { passive: true });
  if (missing !== undefined) throw new Error(missing);
  return (performance.now() - begin) / 1000;
}
