import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { keySlot } from "../../cluster/model/slots.ts";
import { micros } from "../../drill/clock.ts";
import type { FinalState } from "../../drill/history.ts";
import { valueNumber } from "../../drill/load/keys.ts";
import { HISTORY_FILES, openHistory } from "../../drill/reading/history-folder.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";
import type { StatusRow } from "../layouts/row.ts";
import type { Session } from "../session.ts";
import { readStatus } from "../status.ts";
import { drillLayout } from "./by-layout.ts";

/** What the lab is now, asked of every instance and of the files on its host. @param faultsLeft in sentences */
export async function lookAtEnd(session: Session, faultsLeft: readonly string[]): Promise<FinalState> {
  const { rows, healthy, findings } = await readStatus(session);
  const parts = await drillLayout(session.lab).finalParts(session);
  return {
    format: 1,
    t: micros(),
    healthy,
    problems: findings.filter(({ severity }) => severity !== "note").map(({ text }) => text),
    instances: rows.map(({ instance, role, state, master, slots, link }) => ({
      instance,
      role,
      state,
      master,
      slots,
      ...(link !== undefined && { link: link.state, ...(link.lagBytes !== undefined && { lagBytes: link.lagBytes }) }),
      ...parts.get(instance),
    })),
    faultsLeft,
  };
}

/** Keys that are asked for at once. */
const BATCH = 500;
/** How long a batch may take, in milliseconds. */
const BATCH_MS = 60_000;

/** Reads what each key of the load holds now, from the master of its shard, into `final.jsonl`. The file has its name once it is whole. */
export async function readFinalValues(session: Session, folder: string): Promise<void> {
  const history = await openHistory(folder);
  const shards = new Map(history.header.writers.map(({ id, shard }) => [id, shard]));
  const masterOf = mastersOf(session, (await readStatus(session)).rows);
  const temporary = join(folder, `${HISTORY_FILES.final}.part`);
  const out = createWriteStream(temporary, { mode: 0o600, flags: "w" });
  const waiting = new Map<string, string[]>();
  const often = new Set<string>();
  const ask = async (master: string) => {
    const keys = waiting.get(master) ?? [];
    waiting.set(master, []);
    if (keys.length === 0) return;
    const client = await session.access.client(master);
    const replies = await client.callAll(
      keys.map((key) => ["GET", key]),
      { timeoutMs: BATCH_MS },
    );
    const lines = keys.flatMap((key, index) => {
      const reply = replies[index];
      // A key that its master refuses to tell of has no line: it counts as not looked at.
      if (reply instanceof RedisReplyError || reply === undefined) return [];
      return [
        `${JSON.stringify({ key, v: valueNumber(Buffer.isBuffer(reply) ? reply.toString() : (reply as string | number | null)) })}\n`,
      ];
    });
    if (!out.write(lines.join(""))) await once(out, "drain");
  };
  for await (const batch of history.operations()) {
    for (const line of batch) {
      if (line.k !== "invoke" || (line.op !== "write" && line.op !== "register" && line.op !== "count")) continue;
      if (line.op !== "write" && often.has(line.key)) continue;
      if (line.op !== "write") often.add(line.key);
      const master = masterOf(line.key, shards.get(line.w) ?? "");
      if (master === undefined) continue;
      const keys = waiting.get(master) ?? [];
      keys.push(line.key);
      waiting.set(master, keys);
      if (keys.length >= BATCH) await ask(master);
    }
  }
  for (const master of waiting.keys()) await ask(master);
  out.end();
  await finished(out);
  await rename(temporary, join(folder, HISTORY_FILES.final));
}

/** By key and shard. */
type MasterOf = (key: string, shard: string) => string | undefined;

function mastersOf({ lab }: Session, rows: readonly StatusRow[]): MasterOf {
  const masters = rows.filter(({ role, state }) => role === "master" && state === "up");
  const owners = new Map<number, string>();
  for (const { instance, slots } of masters) {
    for (const range of slots === "" ? [] : slots.split(",")) {
      const [first = 0, last = first] = range.split("-").map(Number);
      for (let slot = first; slot <= last; slot += 1) owners.set(slot, instance);
    }
  }
  if (owners.size > 0) return (key) => owners.get(keySlot(key));
  if (lab.layout.kind !== "sentinel" || lab.layout.masters.length === 1)
    return () => (masters.length === 1 ? masters[0]?.instance : undefined);
  const monitors = lab.layout.masters;
  return (_key, shard) => {
    const declared = monitors.find(({ name }) => name === shard);
    const members = new Set([declared?.master, ...(declared?.replicas ?? [])].map((name) => name?.split(":")[0]));
    return masters.find(({ host }) => members.has(host))?.instance;
  };
}
