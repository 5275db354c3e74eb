import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { moveSlots } from "../../dist/lib/cluster/move/run.js";
import type { SlotMove } from "../../dist/lib/cluster/move/types.js";
import { connectRedis } from "../../dist/lib/redis/client.js";
import type { InstanceAccess } from "../../dist/lib/redis/types.js";
import { waitFor } from "../../lib/base/wait.ts";
import { awaitAgreement } from "../../lib/cluster/gossip/await-agreement.ts";
import { allocateSlots, eachSlot, keySlot } from "../../lib/cluster/model/slots.ts";
import { dial, Lab, PASSWORD } from "../../test/cluster/support.ts";
import { option, report, timed } from "../compare.ts";
import type { Proxied } from "./proxies.ts";
import { type SketchEnd, sketchedMove } from "./sketch.ts";

// REDIS_LAB_TEST_BIN=FOLDER node --import jiti/register bench/reshard/run.ts [--delay-ms N] [--rounds N] [--redis-cli FILE]
//
// Seconds to move 2,000 slots with 36,700 keys of 100 bytes on loopback, in turns: by the engine (`redis-lab`, alone and as two pairs of masters at once), by redis-trib and `redis-cli --cluster` (5.0
// or newer) as they are typed, and by a sketch that does nothing but the commands. With --delay-ms everything that a client sends to a server is kept back that long. Aims: at least 4.5 times as fast as redis-cli,
// 15 times with a delay of 1 ms, and within 1.15 of the sketch. Needs a compiled redis-lab (npm run build), which is what is measured.

const SLOTS = 2000;
const KEYS = 36_700;
/** Where the proxies listen. */
const ANNOUNCED = 7379;
const rounds = Number(option("rounds") ?? 5);
const delayMs = Number(option("delay-ms") ?? 0);
const redisCli = option("redis-cli") ?? `${process.env["REDIS_LAB_TEST_BIN"]}/redis-cli`;
const redisTrib = fileURLToPath(new URL("../../dist/lib/cli/trib.js", import.meta.url));
if (!existsSync(redisCli)) throw new Error(`no ${redisCli}: name one with --redis-cli`);

const MASTERS = ["m1:6379", "m2:6379", "m3:6379", "m4:6379"];

const CONTENDERS: Readonly<Record<string, (move: SlotMove, beside: SlotMove) => Promise<unknown>>> = {
  "redis-lab": (move) => byEngine([move]),
  "two pairs": (move, beside) => byEngine([half(move), half(beside)]),
  "redis-trib": async ({ source, target }) => {
    const [from, to] = [await endOf(source), await endOf(target)];
    const words = ["--from", from.nodeId, "--to", to.nodeId, "--slots", String(SLOTS), "--yes", `${from.address}:${from.port}`];
    await timed(process.execPath, [redisTrib, "reshard", ...words], { REDISCLI_AUTH: PASSWORD });
  },
  sketch: async ({ source, target }) => {
    const others = await Promise.all(MASTERS.filter((id) => id !== source && id !== target).map(endOf));
    await sketchedMove(0, SLOTS - 1, await endOf(source), await endOf(target), others, PASSWORD);
  },
  "redis-cli": async ({ source, target }) => {
    const [from, to] = [await endOf(source), await endOf(target)];
    const words = ["--cluster-from", from.nodeId, "--cluster-to", to.nodeId, "--cluster-slots", String(SLOTS), "--cluster-yes"];
    await timed(redisCli, ["--cluster", "reshard", `${from.address}:${from.port}`, ...words, "--cluster-pipeline", "1000"], {
      REDISCLI_AUTH: PASSWORD,
    });
  },
};

const announce = delayMs > 0 ? `cluster-announce-port ${ANNOUNCED}` : "";
const lab = await Lab.start(["m1", "m2", "m3", "m4"], { m1: announce, m2: announce, m3: announce, m4: announce });
/** As a client finds them. */
const members = lab.members.map((member) => ({ ...member, port: delayMs > 0 ? ANNOUNCED : member.port }));
let proxies: Worker | undefined;
try {
  await form();
  const beside = allocateSlots(MASTERS.length)[2]?.first ?? 0;
  await fill("m1:6379", 0, SLOTS, KEYS);
  await fill("m3:6379", beside, SLOTS / 2, KEYS / 2);
  if (delayMs > 0) proxies = await startProxies();
  const seconds: Record<string, number[]> = Object.fromEntries(Object.keys(CONTENDERS).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, contender] of Object.entries(CONTENDERS)) {
      // There, and the same way back.
      for (const [source, target, third, fourth] of [MASTERS, ["m2:6379", "m1:6379", "m4:6379", "m3:6379"]]) {
        // A move right behind another one waits until all know of it: that is not what is measured.
        const missing = await awaitAgreement(lab.members, lab.access);
        if (missing !== undefined) throw new Error(missing);
        const begin = performance.now();
        await contender(moveOf(source, target, 0), moveOf(third, fourth, beside));
        seconds[name]?.push((performance.now() - begin) / 1000);
      }
    }
  const title = `${SLOTS} slots, ${KEYS} keys${delayMs > 0 ? `, ${delayMs} ms of delay` : ""}`;
  report(`${title}; median of ${2 * rounds} rounds (min to max)`, seconds);
} finally {
  await lab.stop();
  await proxies?.terminate();
}

function moveOf(source: string | undefined, target: string | undefined, first: number): SlotMove {
  return { source: source ?? "", target: target ?? "", slots: [{ first, last: first + SLOTS - 1 }] };
}

function half({ slots, ...ends }: SlotMove): SlotMove {
  return { ...ends, slots: slots.map(({ first }) => ({ first, last: first + SLOTS / 2 - 1 })) };
}

async function byEngine(moves: readonly SlotMove[]): Promise<void> {
  const access = compiledAccess();
  await moveSlots(moves, members, access, { emit: () => {} });
}

/** By hand: a create would refuse nodes that announce a port at which they do not listen. */
async function form(): Promise<void> {
  for (const [index, { first, last }] of allocateSlots(MASTERS.length).entries()) {
    const id = MASTERS[index] ?? "";
    await lab.call(id, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    await lab.call(id, "CLUSTER", "ADDSLOTS", ...[...eachSlot([{ first, last }])].map(String));
    await lab.call("m1:6379", "CLUSTER", "MEET", lab.member(id).address, "6379");
  }
  await waitFor(
    async () => {
      const states = await Promise.all(MASTERS.map(async (id) => String(await lab.call(id, "CLUSTER", "INFO"))));
      return states.every((state) => state.includes("cluster_state:ok"))
        ? { done: true, value: undefined }
        : { done: false, missing: "cluster_state:ok" };
    },
    { what: "the cluster to form", timeoutMs: 20_000 },
  );
}

/** Keys of 100 bytes in some slots. */
async function fill(id: string, first: number, slots: number, keys: number): Promise<void> {
  const client = await lab.access.connect(id);
  const commands: string[][] = [];
  for (let index = 0; commands.length < keys; index += 1) {
    const slot = keySlot(`key:${index}`);
    if (slot >= first && slot < first + slots) commands.push(["SET", `key:${index}`, "x".repeat(100)]);
  }
  await client.callAll(commands);
  client.close();
}

async function startProxies(): Promise<Worker> {
  const workerData: Proxied = { addresses: members.map(({ address }) => address), listen: ANNOUNCED, port: 6379, delayMs };
  const worker = new Worker(new URL("proxies.ts", import.meta.url), { workerData, execArgv: ["--import", "jiti/register"] });
  await once(worker, "message");
  return worker;
}

/** As an operation hands it in, on the compiled client. */
function compiledAccess(): InstanceAccess {
  const memberOf = (id: string) => members.find((member) => member.id === id) ?? lab.member(id);
  const connect: InstanceAccess["connect"] = (id) => connectRedis(memberOf(id), dial, { passwords: [PASSWORD] });
  const clients = new Map<string, ReturnType<typeof connect>>();
  return {
    connect,
    client: (id) => {
      const client = clients.get(id) ?? connect(id);
      clients.set(id, client);
      return client;
    },
    stream: lab.access.stream,
    probe: lab.access.probe,
  };
}

async function endOf(id: string): Promise<SketchEnd> {
  const { address } = lab.member(id);
  return { address, port: delayMs > 0 ? ANNOUNCED : 6379, nodeId: String(await lab.call(id, "CLUSTER", "MYID")) };
}
