import { randomBytes } from "node:crypto";
import { allEnded } from "../base/all-ended.ts";
import { whatOf } from "../base/error.ts";
import { allSettledLimited } from "../base/limit.ts";
import { expectedError } from "../base/system-error.ts";
import { lastLines } from "../bootstrap/errors.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { isOurs, labOfFile } from "../bootstrap/ownership.ts";
import type { CommandResult } from "../connection/connection.ts";
import * as refused from "../fault/errors.ts";
import { FAULTS } from "../fault/faults.ts";
import { healScript, listScript, makeScript, noteScript, type OpenOnHost, parseList, parseNote } from "../fault/journal.ts";
import { CANNOT, type FaultContext, type FaultOption, type FaultRow, GONE, HEALED, type HostPart, type TouchedHost } from "../fault/row.ts";
import { faultsFolder } from "../fault/scripts.ts";
import type { FaultRequest, MadeFault } from "../fault/types.ts";
import { FAULT_NAMES, isFaultName } from "../fault/words.ts";
import { CLIENT_NAMESPACE, planNamespaces } from "../lab/namespaces.ts";
import type { PlacedHost } from "../lab/placement.ts";
import { TARGET_NAMES, TARGETS } from "../lab/targets.ts";
import { hostUnreachable, notInstalled, notOurs } from "./errors.ts";
import { begunFaults, forget, remember } from "./fault-journal.ts";
import { resolveSides } from "./fault-targets.ts";
import { findHost } from "./find.ts";
import { HOST_CONCURRENCY, type Session } from "./session.ts";

/** What `heal` did. */
export interface HealReport {
  readonly healed: readonly HealedFault[];
  /** Hosts on which something is left, or that can't be asked. */
  readonly failures: readonly { readonly host: string; readonly error: string }[];
}

/** A fault that was undone, on the hosts that had it. */
export interface HealedFault {
  readonly id: string;
  readonly fault: string;
  readonly hosts: readonly string[];
  readonly touched: readonly string[];
}

/** A fault that is not undone. */
export interface OpenFault {
  readonly id: string;
  readonly fault: string;
  /** Instance ids or host names. */
  readonly touched: readonly string[];
  /** ISO times; `until` undefined where nothing but `heal` ends it. */
  readonly begun: string;
  readonly until: string | undefined;
  /** Its deadline has passed for longer than a host needs. */
  readonly overdue: boolean;
  /** Hosts that have it noted down. */
  readonly hosts: readonly string[];
  /** Hosts among them on which nothing waits for the deadline. */
  readonly unarmed: readonly string[];
  /** Hosts that may have it and can't be asked. */
  readonly unknown: readonly string[];
}

/** A host is given this long for a piece of a fault; an undo may wait for the replicas of an instance that it starts. */
const HOST_TIMEOUT_MS = 60_000;
const HEAL_TIMEOUT_MS = 420_000;

/** An undo takes its time on a busy host. */
const GRACE_MS = 5_000;

/** Monotonic microseconds, as in the histories of drills. */
const micros = () => Number(process.hrtime.bigint() / 1000n);

/**
 * Makes a fault: looks whom it meets, notes it down here and on the hosts with its undo and its timer, and makes it on all of them at once. It needs no lock: it comes in the middle of other work, as accidents do.
 *
 * @throws LabError `fault.*`, `operations.unknown-host`, `operations.host-unreachable`, `operations.not-installed`, `operations.not-ours`. Nothing is left of a fault that could not be made, or the error says where
 */
export async function injectFault(session: Session, request: FaultRequest): Promise<MadeFault> {
  const { placement, lab, target, paths } = session;
  const { name, row } = rowOf(request.fault);
  assertOptions(name, row, request);
  const clients = clientsOf(session);
  const sides = await resolveSides(session, name, row, request.targets, clients.length > 0);
  if (sides.client) assertClient(request);
  const touched = await allEnded(sides.touched.map(({ host, only }) => look(session, host, only)));
  const ids = touched.flatMap(({ instances }) => instances.map(({ instance }) => instance.id));
  if (row.of === "instances" && touched.every(({ instances }) => instances.every(({ process }) => process === undefined)))
    throw refused.nothingRuns(name, ids);
  const forMs = request.forMs ?? row.defaultMs;
  const id = randomBytes(4).toString("hex");
  const options = request.options ?? {};
  const context: FaultContext = { id, placement, touched, others: sides.others, reversed: sides.reversed, clients, options, forMs };
  const parts = row.plan(context);
  const names = row.of === "instances" ? ids : touched.map(({ host }) => host.name);
  await assertPossible(session, name, parts);
  await assertFree(session, name, row, names, parts);
  const begun = new Date();
  const undoable = parts.some(({ undo }) => undo !== undefined);
  const until = forMs === undefined || !undoable ? undefined : new Date(begun.getTime() + forMs).toISOString();
  const note = { id, fault: name, lab: lab.name, touched: names, begun: begun.toISOString(), ...(until !== undefined && { until }) };
  await remember(paths, { ...note, hosts: parts.map(({ host }) => host) });
  const systemd = placement.capabilities.supervisor === "systemd";
  const seconds = until === undefined || forMs === undefined ? undefined : Math.max(1, Math.ceil(forMs / 1000));
  const timing = { seconds, systemd, endsWithHost: row.outlivesHost !== true };
  await everywhere(session, name, id, parts, async (part, folder) => {
    const result = await runOn(session, part.host, noteScript(folder, note, part, timing), "note the fault down");
    if (result.exitCode !== 0) throw failed(name, part.host, result);
  });
  for (const each of names) session.access.drop(each);
  const fromMicros = micros();
  let toMicros = fromMicros;
  await everywhere(session, name, id, parts, async (part, folder) => {
    const onLine = (line: string) => {
      if (line === "made") toMicros = Math.max(toMicros, micros());
    };
    const result = await runOn(session, part.host, makeScript(folder, part), `make the fault ${name}`, { onLine });
    if (result.exitCode !== 0) throw failed(name, part.host, result);
  });
  if (!undoable) await forget(paths, id);
  return { id, fault: name, touched: names, says: parts.flatMap(({ says }) => says), fromMicros, toMicros, undoable, until };

  function rowOf(fault: string) {
    if (!isFaultName(fault)) throw refused.unknownFault(fault, FAULT_NAMES);
    const found: FaultRow = FAULTS[fault];
    const { needs } = found;
    if (needs !== undefined && !needs.has(placement.capabilities)) {
      const others = TARGET_NAMES.filter((other) => needs.has(TARGETS[other]));
      throw refused.targetCannot(fault, target, needs.what, others);
    }
    return { name: fault, row: found };
  }
}

/** Clients of the lab's own network; where it is that of machines, they may be anywhere, and the computer that runs redis-lab is never cut off. */
function clientsOf({ placement: { capabilities }, lab }: Session): readonly string[] {
  if (capabilities.network !== "namespaces") return [];
  return planNamespaces(lab).namespaces.flatMap(({ name, address }) => (name === CLIENT_NAMESPACE ? [address] : []));
}

const OPTION_WORDS: Readonly<Record<FaultOption, string>> = {
  oneWay: "--one-way",
  busOnly: "--bus-only",
  keepClients: "--keep-clients",
  reject: "--reject",
  percent: "--percent",
  delay: "--delay",
  by: "--by",
  every: "--every",
};

function assertOptions(name: string, row: FaultRow, { options = {}, forMs }: FaultRequest): void {
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || value === false || row.options.some((each) => each === key)) continue;
    const word = Object.hasOwn(OPTION_WORDS, key) ? OPTION_WORDS[key as FaultOption] : key;
    throw refused.unknownOption(
      name,
      word,
      row.options.map((each) => OPTION_WORDS[each]),
    );
  }
  if (forMs !== undefined && row.noDuration !== undefined) throw refused.noDuration(name, row.noDuration);
}

/** @throws LabError `fault.client-left-out` */
function assertClient({ options = {} }: FaultRequest): void {
  const left = (["keepClients", "busOnly"] as const).find((key) => options[key] === true);
  if (left !== undefined) throw refused.clientLeftOut(OPTION_WORDS[left]);
}

/** Looks at a host, and proves that what is to be touched there is the lab's. */
async function look(session: Session, host: PlacedHost, only: readonly string[] | undefined): Promise<TouchedHost> {
  const { placement, lab, connections, unreachable } = session;
  const connection = connections.get(host.name);
  if (connection === undefined) throw hostUnreachable(host.name, unreachable.get(host.name));
  const facts = await observeHost(connection, placement, host);
  const instances = host.instances
    .filter(({ id }) => only === undefined || only.includes(id))
    .map((instance) => {
      const text = facts.files.get(instance.configFile);
      if (text === undefined) throw notInstalled(lab.name, instance.id);
      const owner = labOfFile(text);
      if (owner !== undefined && owner !== lab.name) throw notOurs(lab.name, instance.id, `it is of the lab "${owner}"`);
      const process = facts.instances.get(instance.id)?.process;
      if (process !== undefined && !isOurs(process.exe, host.paths.prefix))
        throw notOurs(lab.name, instance.id, `it runs ${process.exe}, which is not a program of the lab`);
      return { instance, process };
    });
  return { host, instances };
}

/** Asks every host before anything is noted down. @throws LabError `fault.host-cannot` */
async function assertPossible(session: Session, fault: string, parts: readonly HostPart[]): Promise<void> {
  await allEnded(
    parts.map(async ({ host, check }) => {
      if (check === undefined) return;
      const result = await runOn(session, host, check, "look whether the fault can be made");
      if (result.exitCode === CANNOT)
        throw refused.hostCannot(session.lab.name, fault, host, lastLines({ stdout: result.stdout, stderr: "" }, 1));
      if (result.exitCode !== 0) throw failed(fault, host, result);
    }),
  );
}

/** @throws LabError `fault.open-already` */
async function assertFree(
  session: Session,
  fault: string,
  row: FaultRow,
  names: readonly string[],
  parts: readonly HostPart[],
): Promise<void> {
  const { takes } = row;
  if (takes === undefined) return;
  await allEnded(
    parts.map(async ({ host }) => {
      for (const open of await faultsOn(session, findHost(session.placement, host))) {
        const both = open.touched.filter((each) => names.includes(each));
        if (both.length > 0 && isFaultName(open.fault) && FAULTS[open.fault].takes === takes)
          throw refused.openAlready(fault, open.fault, both, session.lab.name);
      }
    }),
  );
}

async function faultsOn(session: Session, { name, paths }: PlacedHost): Promise<readonly OpenOnHost[]> {
  const result = await runOn(session, name, listScript(faultsFolder(paths, session.lab.name)), "look for faults");
  return parseList(result.stdout);
}

/** One round on all hosts at once. Where it fails on one, what was made is undone everywhere. */
async function everywhere(
  session: Session,
  fault: string,
  id: string,
  parts: readonly HostPart[],
  work: (part: HostPart, folder: string) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(
    parts.map((part) => work(part, `${faultsFolder(findHost(session.placement, part.host).paths, session.lab.name)}/${id}`)),
  );
  const at = results.findIndex(({ status }) => status === "rejected");
  const bad = results[at];
  if (bad?.status !== "rejected") return;
  const { failures } = await healFaults(session, [id]);
  const left = failures.map(({ host }) => host);
  throw refused.notMade(fault, parts[at]?.host ?? "", whatOf(bad.reason).replace(/\.$/, ""), left);
}

function failed(fault: string, host: string, result: CommandResult): Error {
  switch (result.exitCode) {
    case GONE:
      return new Error("a process ended in the moment before");
    case HEALED:
      return new Error("it was healed in the moment before it was made");
    default:
      return new Error(lastLines(result, 1) || `${fault} on ${host} ended with ${result.exitCode ?? result.signal ?? "no code"}`);
  }
}

function runOn(
  { connections, unreachable, signal }: Session,
  host: string,
  script: string,
  title: string,
  more: { readonly timeoutMs?: number; readonly onLine?: (line: string) => void } = {},
): Promise<CommandResult> {
  const connection = connections.get(host);
  if (connection === undefined) throw hostUnreachable(host, unreachable.get(host));
  return connection.run(script, { title, root: true, timeoutMs: HOST_TIMEOUT_MS, signal, ...more });
}

/**
 * Undoes faults of a lab, all of them at once on all hosts. What heals itself in the meantime counts as healed. Nothing is done where none is open.
 *
 * @param ids of faults. @default all
 * @param why `down`: the lab is about to be stopped, and nothing is started
 * @param only a host; then nothing is forgotten here. @default all
 */
export async function healFaults(
  session: Session,
  ids: readonly string[] = [],
  why: "heal" | "down" = "heal",
  only?: string,
): Promise<HealReport> {
  const { placement, lab, connections, unreachable, paths } = session;
  const begun = only !== undefined ? [] : (await begunFaults(paths)).filter(({ id }) => ids.length === 0 || ids.includes(id));
  const failures = new Map<string, string>();
  const healed = new Map<string, HealedFault>();
  const hosts = placement.hosts.filter(({ name }) => connections.has(name) && (only === undefined || name === only));
  const results = await allSettledLimited(hosts, HOST_CONCURRENCY * 4, async (host) => {
    const script = healScript(faultsFolder(host.paths, lab.name), ids, why);
    const { stdout, exitCode, ...rest } = await runOn(session, host.name, script, "undo faults", { timeoutMs: HEAL_TIMEOUT_MS });
    for (const line of stdout.split("\n")) {
      const [, word, text = ""] = /^(healed|failed) (.*)$/.exec(line) ?? [];
      if (word === "failed") failures.set(host.name, `the fault ${text.slice(0, 200)}`);
      const note = word === "healed" ? parseNote(text) : undefined;
      if (note === undefined) continue;
      const { id, fault, touched } = note;
      healed.set(id, { id, fault, touched, hosts: [...(healed.get(id)?.hosts ?? []), host.name] });
    }
    if (exitCode !== 0 && !failures.has(host.name))
      failures.set(host.name, lastLines({ stdout: "", stderr: rest.stderr }, 1) || "it could not be asked");
  });
  session.signal?.throwIfAborted();
  for (const [index, result] of results.entries())
    if (result.status === "rejected") failures.set(hosts[index]?.name ?? "", whatOf(expectedError(result.reason)));
  for (const { hosts: where } of begun)
    for (const host of where)
      if (!connections.has(host) && placement.hosts.some(({ name }) => name === host))
        failures.set(host, unreachable.get(host)?.what ?? "it is not reached");
  for (const { id, hosts: where } of begun) if (!where.some((host) => failures.has(host))) await forget(paths, id);
  for (const each of healed.values()) for (const name of each.touched) session.access.drop(name);
  const inOrder = ({ hosts: on, ...rest }: HealedFault) => ({
    ...rest,
    hosts: hosts.map(({ name }) => name).filter((name) => on.includes(name)),
  });
  return { healed: [...healed.values()].map(inOrder), failures: [...failures].map(([host, error]) => ({ host, error })) };
}

/** The faults of a lab that are not undone, as the hosts have them; those of hosts that can't be asked as this computer remembers them. Changes nothing. */
export async function openFaults(session: Session): Promise<readonly OpenFault[]> {
  const { placement, connections, paths } = session;
  const begun = await begunFaults(paths);
  const hosts = placement.hosts.filter(({ name }) => connections.has(name));
  const asked = await allSettledLimited(hosts, HOST_CONCURRENCY * 4, async (host) => {
    return (await faultsOn(session, host)).map((note) => ({ host: host.name, note }));
  });
  session.signal?.throwIfAborted();
  const found = asked.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const silent = new Set([
    ...placement.hosts.filter(({ name }) => !connections.has(name)).map(({ name }) => name),
    ...asked.flatMap((result, index) => (result.status === "rejected" ? [hosts[index]?.name ?? ""] : [])),
  ]);
  const ids = new Set([
    ...found.map(({ note }) => note.id),
    ...begun.filter((each) => each.hosts.some((host) => silent.has(host))).map(({ id }) => id),
  ]);
  return [...ids].flatMap((id) => {
    const on = found.filter(({ note }) => note.id === id);
    const kept = begun.find((each) => each.id === id);
    const note: Pick<OpenOnHost, "fault" | "touched" | "begun" | "until"> | undefined = on[0]?.note ?? kept;
    if (note === undefined) return [];
    return [
      {
        id,
        fault: note.fault,
        touched: note.touched,
        begun: note.begun,
        until: note.until,
        overdue: note.until !== undefined && Date.now() > Date.parse(note.until) + GRACE_MS,
        hosts: on.map(({ host }) => host),
        unarmed: on.filter(({ note: { armed, until } }) => !armed && until !== undefined).map(({ host }) => host),
        unknown: kept?.hosts.filter((host) => silent.has(host)) ?? [],
      },
    ];
  });
}
