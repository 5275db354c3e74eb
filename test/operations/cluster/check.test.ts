import { expect, test } from "vitest";
import { isLabError, LabError } from "../../../lib/base/error.ts";
import { auditSlots, isSound } from "../../../lib/cluster/findings/slot-audit.ts";
import { clusterMembers } from "../../../lib/cluster/model/members.ts";
import { formatRanges, rangesWhere } from "../../../lib/cluster/model/slots.ts";
import { observeClusterView } from "../../../lib/cluster/model/view.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { checkCluster } from "../../../lib/operations/cluster/check.ts";
import { callInCluster, waitInCluster } from "../../../lib/operations/cluster/read.ts";
import type { ClusterSession } from "../../../lib/operations/cluster/session.ts";
import { runChecks } from "../../../lib/operations/doctor/checks.ts";
import type { Session } from "../../../lib/operations/session.ts";
import { readStatus } from "../../../lib/operations/status.ts";
import type { InstanceAccess, RedisClient } from "../../../lib/redis/types.ts";
import { FULL } from "../../support/full.ts";
import { clusterInput } from "../../support/labs.ts";
import { randomFrom } from "../../support/random.ts";
import { examination } from "../doctor/examination.ts";

// Random broken clusters, as their nodes tell of them over the wire. Whatever is broken: status, check, wait, doctor, call and redis-trib's audit say the same of it, and check is content exactly
// when a judge is that looks at the truth and knows none of our code.

const lab = defineLab(clusterInput());
const placement = placeLab(lab, { target: "local", hostsFolder: "/nowhere" });
const members = clusterMembers(placement);

/** A node as it really is. */
interface Truth {
  readonly id: string;
  readonly address: string;
  readonly nodeId: string;
  readonly declared: "master" | "replica" | "standby" | "nothing";
  up: boolean;
  /** It refuses our password, and nobody else's. */
  strange: boolean;
  inside: boolean;
  slots: Set<number>;
  masterId: string | undefined;
  epoch: number;
  link: "up" | "down";
  state: "ok" | "fail";
  saved: boolean;
  open: number | undefined;
  /** A node that this one believes to be a master without slots, against what all others say. */
  misjudges: string | undefined;
}

const SHARES = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

function healthy(): Truth[] {
  const nodeIdOf = (id: string) => Buffer.from(id.padEnd(20, ".")).toString("hex");
  return members.map(({ id, address, port, role }): Truth => {
    const share = role.kind === "cluster-master" ? SHARES[role.index] : undefined;
    return {
      id,
      address: `${address}:${port}`,
      nodeId: nodeIdOf(id),
      declared: role.kind === "cluster-master" ? "master" : role.kind === "cluster-replica" ? "replica" : "standby",
      up: true,
      strange: false,
      inside: role.kind !== "standby",
      slots: new Set(share === undefined ? [] : Array.from({ length: share[1] - share[0] + 1 }, (_, index) => share[0] + index)),
      masterId: role.kind === "cluster-replica" ? nodeIdOf(role.master) : undefined,
      epoch: role.kind === "cluster-master" ? role.index + 1 : 0,
      link: "up",
      state: "ok",
      saved: true,
      open: undefined,
      misjudges: undefined,
    };
  });
}

function stranger(): Truth {
  const [model] = healthy();
  if (model === undefined) throw new Error("a lab has instances");
  return {
    ...model,
    id: "127.0.1.200:7000",
    address: "127.0.1.200:7000",
    nodeId: "f".repeat(40),
    declared: "nothing",
    slots: new Set(),
    epoch: 9,
  };
}

type Break = (world: Truth[], pick: (count: number) => number) => void;

/** The replica of a master takes its shard over, as an election or a planned failover does it. */
function promote(world: Truth[], master: Truth): void {
  const heir = world.find(({ masterId, up, inside }) => inside && up && masterId === master.nodeId);
  if (heir === undefined || !master.inside) return;
  heir.slots = master.slots;
  heir.masterId = undefined;
  heir.epoch = 20;
  master.slots = new Set();
  master.masterId = heir.nodeId;
  for (const node of world) if (node.masterId === master.nodeId) node.masterId = heir.nodeId;
}

const only = (world: Truth[], declared: Truth["declared"], pick: (count: number) => number): Truth => {
  const those = world.filter((node) => node.declared === declared);
  const [first] = those;
  if (first === undefined) throw new Error(`no ${declared}`);
  return those[pick(those.length)] ?? first;
};
const anyOf = (world: Truth[], pick: (count: number) => number): Truth => {
  const node = world[pick(world.length)];
  if (node === undefined) throw new Error("a lab has instances");
  return node;
};
const owner = (world: Truth[], pick: (count: number) => number) => {
  const owners = world.filter(({ slots, up }) => slots.size > 0 && up);
  return owners[pick(owners.length)];
};

/** What may happen to a cluster. A row says nothing of what is then to be found. */
const BREAKS: Readonly<Record<string, Break>> = {
  "a replica dies": (world, pick) => void Object.assign(only(world, "replica", pick), { up: false }),
  "a master dies, nobody takes over": (world, pick) => void Object.assign(only(world, "master", pick), { up: false }),
  "a master dies, its replica takes over": (world, pick) => {
    const master = only(world, "master", pick);
    if (master.masterId === undefined) promote(world, master);
    master.up = false;
  },
  "a standby dies": (world, pick) => void Object.assign(only(world, "standby", pick), { up: false }),
  "a failover": (world, pick) => {
    const master = only(world, "master", pick);
    if (master.up && master.masterId === undefined) promote(world, master);
  },
  "an instance refuses the password": (world, pick) => void Object.assign(anyOf(world, pick), { strange: true }),
  "a slot without an owner": (world, pick) => {
    const node = owner(world, pick);
    if (node !== undefined) node.slots = new Set([...node.slots].slice(1));
  },
  "a slot with two owners": (world, pick) => {
    const node = owner(world, pick);
    const other = world.find(({ slots, up }) => up && slots.size > 0 && slots !== node?.slots);
    const [slot] = node?.slots ?? [];
    if (slot !== undefined && other !== undefined) other.slots = new Set([...other.slots, slot]);
  },
  "an open slot": (world, pick) => {
    const node = owner(world, pick);
    if (node !== undefined) [node.open] = node.slots;
  },
  "a link is down": (world, pick) => {
    const replica = only(world, "replica", pick);
    if (replica.masterId !== undefined) replica.link = "down";
  },
  "a save fails": (world, pick) => void Object.assign(anyOf(world, pick), { saved: false }),
  "a node says cluster_state:fail": (world, pick) => void Object.assign(only(world, "master", pick), { state: "fail" }),
  "a standby joins": (world, pick) => {
    const standby = only(world, "standby", pick);
    standby.inside = true;
    standby.masterId = pick(2) === 0 ? undefined : owner(world, pick)?.nodeId;
  },
  "a strange node joins": (world, pick) => {
    if (world.every(({ declared }) => declared !== "nothing")) world.push({ ...stranger(), up: pick(2) === 0 });
  },
  "a replica is taken out": (world, pick) => {
    const replica = only(world, "replica", pick);
    if (replica.slots.size === 0) Object.assign(replica, { inside: false, masterId: undefined });
  },
  "a replica moves to another master": (world, pick) => {
    const replica = only(world, "replica", pick);
    if (replica.masterId !== undefined) replica.masterId = owner(world, pick)?.nodeId ?? replica.masterId;
  },
  "a node believes something else": (world, pick) => {
    const [node, other] = [only(world, "replica", pick), owner(world, pick)];
    if (other !== undefined && node !== other) node.misjudges = other.nodeId;
  },
  "all die": (world) => {
    for (const node of world) node.up = false;
  },
};

const answers = ({ up, strange }: Truth) => up && !strange;

/** Looks at the truth alone, without a thought: everything that should be there is there, and everybody says the same. */
function dumbJudge(world: readonly Truth[]): boolean {
  const cluster = world.filter(({ inside }) => inside);
  const asked = cluster.filter(answers);
  const owners = new Map<number, number>();
  for (const node of asked) if (node.masterId === undefined) for (const slot of node.slots) owners.set(slot, (owners.get(slot) ?? 0) + 1);
  return (
    world.every(answers) &&
    world.every(({ declared, inside }) => inside === (declared === "master" || declared === "replica")) &&
    owners.size === 16384 &&
    [...owners.values()].every((count) => count === 1) &&
    cluster.every(({ masterId, slots }) => masterId !== undefined || slots.size > 0) &&
    world.every(
      ({ link, masterId, state, saved, open, misjudges }) =>
        (link === "up" || masterId === undefined) && state === "ok" && saved && open === undefined && misjudges === undefined,
    )
  );
}

/** The words of a node over the wire. */
function reply(world: readonly Truth[], node: Truth, command: readonly unknown[]): string | number {
  const words = command.join(" ");
  if (words === "INFO")
    return [
      "redis_version:7.0.15",
      "cluster_enabled:1",
      `role:${node.masterId === undefined ? "master" : "slave"}`,
      "loading:0",
      ...(node.masterId === undefined ? [] : [`master_link_status:${node.link}`, "master_last_io_seconds_ago:1"]),
      "master_repl_offset:100",
      `master_replid:${node.masterId ?? node.nodeId}`,
      `rdb_last_bgsave_status:${node.saved ? "ok" : "err"}`,
      "aof_enabled:0",
      "sync_full:1",
      "uptime_in_seconds:5000",
    ].join("\r\n");
  const known = node.inside ? world.filter(({ inside }) => inside) : [node];
  if (words === "CLUSTER INFO")
    return `cluster_state:${node.inside ? node.state : "fail"}\r\ncluster_known_nodes:${known.length}\r\ncluster_current_epoch:20\r\ncluster_my_epoch:${node.epoch}`;
  if (words === "CLUSTER MYID") return node.nodeId;
  if (words === "DBSIZE" || words.startsWith("CLUSTER COUNTKEYSINSLOT")) return 0;
  if (words === "CLUSTER NODES") return known.map((other) => line(other, node)).join("\n");
  return "PONG";
}

function line(of: Truth, by: Truth): string {
  const own = of === by;
  const wrong = by.misjudges === of.nodeId;
  const flags = [...(own ? ["myself"] : []), of.masterId === undefined ? "master" : "slave", ...(of.up ? [] : ["fail"])].join(",");
  return [
    of.nodeId,
    `${of.address}@${Number(of.address.split(":")[1]) + 10_000}`,
    flags,
    of.masterId ?? "-",
    of.up ? 0 : 1_700_000_000_000,
    0,
    of.epoch,
    of.up ? "connected" : "disconnected",
    ...(wrong || of.slots.size === 0 ? [] : [rangesOf(of.slots)]),
    ...(own && of.open !== undefined ? [`[${of.open}->-${"a".repeat(40)}]`] : []),
  ].join(" ");
}

const texts = new WeakMap<ReadonlySet<number>, string>();

/** No set is changed once it was made, so each is written once. */
function rangesOf(slots: ReadonlySet<number>): string {
  const known = texts.get(slots);
  if (known !== undefined) return known;
  const text = formatRanges(rangesWhere((slot) => slots.has(slot))).replaceAll(",", " ");
  texts.set(slots, text);
  return text;
}

function accessTo(world: readonly Truth[]): InstanceAccess {
  const client = async (id: string): Promise<RedisClient> => {
    const node = world.find((each) => each.id === id || each.address === id);
    const error = (code: string, what: string) => new LabError({ code, kind: "environment", what, next: "Look." });
    if (node?.up !== true) throw error("connection.dial-refused", `${id}: nothing listens there.`);
    if (node.strange) throw error("redis.wrong-password", `Redis at ${id} refused the password.`);
    return {
      address: node.address,
      closed: false,
      credentials: undefined,
      call: async (command) => reply(world, node, command),
      callTyped: async (command) => ({ type: "status", value: String(reply(world, node, command)) }),
      // Keys in slots are all that is asked for in batches.
      callAll: async (commands) => commands.map(() => 0),
      close: () => {},
    };
  };
  return {
    client,
    connect: client,
    stream: async () => Promise.reject(new Error("nothing is streamed here")),
    probe: async () => "open",
  };
}

function sessionOf(world: readonly Truth[]): ClusterSession {
  const session = {
    lab,
    target: "local",
    placement,
    access: accessTo(world),
    connections: new Map(),
    state: { members: [] },
    paths: { journalFolder: "/nowhere/journal", quarantineFolder: "/nowhere/quarantine" },
    emit: () => {},
    signal: undefined,
  } as unknown as Session;
  return {
    session,
    known: members,
    declaration: { members, formerMembers: [] },
    now: () => new Date(),
    quarantine: { file: "/nowhere/quarantine", write: async () => {} } as unknown as ClusterSession["quarantine"],
  };
}

/** What all of them say of one world. */
async function verdicts(world: readonly Truth[]) {
  const cluster = sessionOf(world);
  const failed = (error: unknown) => {
    if (!isLabError(error)) throw error;
    return error;
  };
  const [status, check, waited, called] = await Promise.all([
    readStatus(cluster.session),
    checkCluster(cluster).catch(failed),
    waitInCluster(cluster, 1).catch(failed),
    callInCluster(cluster, { command: ["PING"] }).catch(failed),
  ]);
  const doctor = runChecks(examination({ lab: { placement, status } }), placement.capabilities);
  const view = await observeClusterView(members, cluster.session.access).catch(failed);
  return { status, check, waited, called, doctor, trib: isLabError(view) ? undefined : isSound(auditSlots(view.cluster.live)) };
}

async function assertOneVoice(world: readonly Truth[]): Promise<boolean> {
  const { status, check, waited, called, doctor, trib } = await verdicts(world);
  const absent = world.filter((node) => node.declared !== "nothing" && !answers(node)).map(({ id }) => id);
  const layoutIsWell = doctor.findings.every(({ check: by, severity }) => by !== "layout" || severity !== "problem");
  expect(layoutIsWell, "doctor and status").toBe(status.healthy);
  expect(status.rows.filter(({ state }) => state === "down" || state === "silent").map(({ instance }) => instance)).toEqual(absent);
  if (absent.length === members.length) {
    // Nothing was seen: that is an error of each, and no state of a cluster.
    for (const each of [check, waited, called]) expect(each).toMatchObject({ code: "cluster.nothing-answers" });
    expect(status.findings.map(({ code }) => code)).toEqual(["nothing-answers"]);
    expect(status.healthy).toBe(false);
    return false;
  }
  if (isLabError(check) || isLabError(called)) throw new Error("a cluster of which some answer was looked at");
  expect(status.healthy, "status and check").toBe(check.ok);
  expect(!isLabError(waited), "wait and check").toBe(check.ok);
  expect(check.absent.map(({ instance }) => instance).filter((id) => members.some((member) => member.id === id))).toEqual(absent);
  const unanswered = called.filter(({ reply: { type } }) => type === "error").map(({ instance }) => instance);
  expect(unanswered.filter((id) => members.some((member) => member.id === id))).toEqual(absent);
  for (const id of absent)
    expect(
      check.findings.some(({ text }) => text.includes(id)),
      `${id} is named`,
    ).toBe(true);
  // redis-trib.rb looks at less; what it finds wrong is wrong.
  if (check.ok) expect(trib, "redis-trib and check").toBe(true);
  for (const { severity, text, next } of check.findings)
    if (severity !== "note") expect(next, `what to do about: ${text}`).toEqual(expect.stringMatching(/./));
  return check.ok;
}

test("a healthy cluster is healthy to all", async () => {
  expect(dumbJudge(healthy())).toBe(true);
  expect(await assertOneVoice(healthy())).toBe(true);
});

test.each(Object.keys(BREAKS))("%s", async (name) => {
  const world = healthy();
  BREAKS[name]?.(world, () => 0);
  expect(await assertOneVoice(world)).toBe(dumbJudge(world));
});

const WORLDS = FULL ? 500 : 25;

test(`${WORLDS} clusters in which several things happened`, async () => {
  for (let seed = 1; seed <= WORLDS; seed += 1) {
    const random = randomFrom(seed);
    const pick = (count: number) => Math.floor(random() * count);
    const world = healthy();
    const names = Object.keys(BREAKS);
    const happened = Array.from({ length: 1 + pick(3) }, () => names[pick(names.length)] ?? "");
    for (const name of happened) BREAKS[name]?.(world, pick);
    const expected = dumbJudge(world);
    const found = await assertOneVoice(world).catch((error: unknown) => {
      throw new Error(`seed ${seed} (${happened.join("; ")}): ${error instanceof Error ? error.message : String(error)}`);
    });
    expect(found, `seed ${seed}: ${happened.join("; ")}`).toBe(expected);
  }
});
