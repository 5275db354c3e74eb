import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPrivateFile } from "../../lib/base/private-file.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { awaitAgreement } from "../../lib/cluster/gossip/await-agreement.ts";
import { observeCluster, selfOf } from "../../lib/cluster/model/observe.ts";
import { eachSlot, formatRanges } from "../../lib/cluster/model/slots.ts";
import { ownSlots, readTopology } from "../../lib/cluster/model/topology.ts";
import { moveSlots } from "../../lib/cluster/move/run.ts";
import { runTrib } from "../../lib/trib/run.ts";
import { type Lab, PASSWORD } from "../cluster/support.ts";
import { parseRanges } from "../support/ranges.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Where values were saved that were not kept. */
  readonly folder: string;
}

export interface RunOptions {
  /** Lines of standard input. @default none */
  readonly answers?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secret?: string;
  readonly signal?: AbortSignal;
  /** Told all that was written so far, each time. */
  readonly onWrite?: (out: string) => void;
}

const folders: string[] = [];

/** Runs a command line in this process, with the password of the tests in its environment. */
export async function trib(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const answers = [...(options.answers ?? [])];
  let out = "";
  let err = "";
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-trib-"));
  folders.push(folder);
  const code = await runTrib(argv, {
    write: (text) => {
      out += text;
      options.onWrite?.(out);
    },
    warn: (line) => {
      err += `${line}\n`;
    },
    ask: async () => answers.shift(),
    askSecret: async () => options.secret,
    readPasswordFile: readPrivateFile,
    random: Math.random,
    now: () => new Date(),
    environment: options.environment ?? { REDISCLI_AUTH: PASSWORD },
    folder,
    signal: options.signal ?? new AbortController().signal,
  });
  return { code, out, err, folder };
}

export async function removeFolders(): Promise<void> {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

/** `m1` → its `ADDRESS:PORT`. */
export function at(lab: Lab, name: string): string {
  const { address, port } = lab.member(`${name}:6379`);
  return `${address}:${port}`;
}

export async function idOf(lab: Lab, name: string): Promise<string> {
  return String(await lab.call(`${name}:6379`, "CLUSTER", "MYID"));
}

export function call(lab: Lab, name: string, ...command: readonly string[]): Promise<unknown> {
  return lab.call(`${name}:6379`, ...command);
}

/** A cluster of some nodes, made by redis-trib itself, that serves keys. */
export async function create(lab: Lab, names: readonly string[], replicas = 0): Promise<void> {
  const { code, out, err } = await trib(["create", "--replicas", String(replicas), "--yes", ...names.map((name) => at(lab, name))]);
  if (code !== 0) throw new Error(`create ended with ${code}:\n${out}\n${err}`);
  await serving(lab, names);
}

/** Waits until nodes serve keys: a master does not in the first two seconds after its start, nor soon after it was alone. */
export async function serving(lab: Lab, names: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const states = await Promise.all(names.map(async (name) => String(await call(lab, name, "CLUSTER", "INFO"))));
      const waiting = names.filter((_, index) => states[index]?.includes("cluster_state:ok") !== true);
      return waiting.length === 0
        ? { done: true, value: undefined }
        : { done: false, missing: `cluster_state:ok of ${waiting.join(", ")}` };
    },
    { what: "the cluster to serve keys", timeoutMs: 60_000, intervalMs: 50 },
  );
}

/** Waits until all nodes of the cluster tell the same: a command that does not wait for that itself would find fault with it. */
export async function agreed(lab: Lab, members = lab.members): Promise<void> {
  const missing = await awaitAgreement(members, lab.access, { timeoutMs: 60_000 });
  if (missing !== undefined) throw new Error(`no agreement: ${missing}`);
}

/** Brings slots to where they are wanted, `{ m1: "0-5460", … }`; slots that are not named stay. */
export async function shape(lab: Lab, wanted: Readonly<Record<string, string>>): Promise<void> {
  const topology = readTopology(await observeCluster(lab.members, lab.access), lab.members);
  const live = [...topology.live.values()];
  const moves = Object.entries(wanted).flatMap(([name, text]) => {
    const target = `${name}:6379`;
    const slots = new Set(eachSlot(parseRanges(text)));
    return live
      .filter(({ id }) => id !== target)
      .map((source) => ({
        source: source.id,
        target,
        slots: [...eachSlot(ownSlots(source))].filter((slot) => slots.has(slot)).map((slot) => ({ first: slot, last: slot })),
      }))
      .filter((move) => move.slots.length > 0);
  });
  const members = live.map(({ member }) => member);
  if (moves.length > 0) await moveSlots(moves, members, lab.access, { emit: () => {} });
  await agreed(lab, members);
}

/** Slots by master, as each says itself. */
export async function slotsOf(lab: Lab): Promise<Readonly<Record<string, string>>> {
  const { nodes } = await observeCluster(lab.members, lab.access);
  return Object.fromEntries(
    [...nodes.values()].flatMap((node) => {
      const self = node.reachable ? selfOf(node) : undefined;
      return self?.role === "master" ? [[node.id.split(":")[0] ?? "", formatRanges(self.slots)]] : [];
    }),
  );
}

/** Takes slots from everybody. Who has not forgotten one yet tells the others of it again, so it ends with a round in which nobody had any. */
export async function uncover(lab: Lab, names: readonly string[], slots: readonly number[]): Promise<void> {
  await waitFor(
    async () => {
      const knew: string[] = [];
      for (const name of names) {
        const client = await lab.access.client(`${name}:6379`);
        const replies = await client.callAll(slots.map((slot) => ["CLUSTER", "DELSLOTS", slot]));
        replies.forEach((reply, index) => void (reply === "OK" && knew.push(`${name} still knew ${slots[index]}`)));
      }
      return knew.length === 0 ? { done: true, value: undefined } : { done: false, missing: knew.join(", ") };
    },
    { what: "everybody to forget the slots", timeoutMs: 60_000 },
  );
}
