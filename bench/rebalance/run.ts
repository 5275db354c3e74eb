import { planRebalance } from "../../dist/lib/cluster/plan/rebalance.js";
import { median, option } from "../compare.ts";

// node --import jiti/register bench/rebalance/run.ts [--rounds N]
//
// Milliseconds to plan a rebalance of a hundred masters, of which half have nearly all slots. Aim: under 50 ms from the first call on. Needs a compiled redis-lab (npm run build).

const MASTERS = 100;
const SLOTS = 16_384;
const rounds = Number(option("rounds") ?? 20);

const owned = Array.from({ length: MASTERS }, (): number[] => []);
for (let slot = 0; slot < SLOTS; slot += 1) owned[slot % 50 === 0 ? 50 + (slot % 49) : slot % 50]?.push(slot);
const masters = owned.map((slots, index) => ({ id: `m${index}:6379`, slots, weight: 1 + (index % 3) }));

const took: number[] = [];
let moves = 0;
for (let round = 0; round < rounds; round += 1) {
  const begin = performance.now();
  moves = planRebalance(masters, 2).moves.length;
  took.push(performance.now() - begin);
}
console.log(
  `rebalance of ${MASTERS} masters in ${moves} moves: first ${took[0]?.toFixed(1)} ms, median of ${rounds} rounds ${median(took).toFixed(1)} ms`,
);
