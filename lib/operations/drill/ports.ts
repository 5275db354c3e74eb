import { randomBytes } from "node:crypto";
import { NO_TIMEOUT_MS } from "../../base/wait.ts";
import { reshardPlan } from "../../cluster/plan/moves.ts";
import { sh } from "../../connection/quote.ts";
import { DEFAULT_KEY_COUNT, DEFAULT_READS, DEFAULT_SIZE, DEFAULT_TIMEOUT_MS } from "../../drill/load/settings.ts";
import { removeLoadKeys, startLoad } from "../../drill/load/start-load.ts";
import type { DrillPorts } from "../../drill/run/ports.ts";
import type { DrillLoad } from "../../drill/scenarios/drill.ts";
import { startObserver } from "../../drill/timeline/observer.ts";
import { FAULTS } from "../../fault/faults.ts";
import type { FaultRequest } from "../../fault/types.ts";
import { isFaultName } from "../../fault/words.ts";
import { layoutRow } from "../../lab/layouts.ts";
import { type PlacedInstance, placedInstances } from "../../lab/placement.ts";
import { configGet, configSet } from "../../redis/commands.ts";
import { offsetOf } from "../../redis/log-line.ts";
import { changeCluster } from "../cluster/change.ts";
import { fixCluster, resumeOrRollBack } from "../cluster/fix-and-resume.ts";
import { healFaults, injectFault } from "../fault.ts";
import { findInstance } from "../find.ts";
import { controlInstances } from "../instances.ts";
import { layoutOperations } from "../layouts.ts";
import { loadSettings } from "../load.ts";
import { connectionTo, type Session, type SessionOptions } from "../session.ts";
import { readStatus } from "../status.ts";
import { bringUp } from "../up.ts";
import { drillLayout } from "./by-layout.ts";
import { lookAtEnd, readFinalValues } from "./final-look.ts";

/** Operations a second of a drill's load, over all shards. */
export const DRILL_RATE = 200;

export interface PortOptions {
  /** Of the verbs that a drill uses, each of which opens a session of its own and holds the lab's lock. */
  readonly verbs: SessionOptions & { readonly now: () => Date };
  readonly load: DrillLoad;
  readonly seed: number;
  readonly say: (text: string) => void;
}

/** A lab as a drill has it: the functions of the verbs. `undo` takes back what the drill has set and written besides its faults. */
export function drillPorts(session: Session, options: PortOptions): DrillPorts & { readonly undo: () => Promise<void> } {
  const { placement, access, lab } = session;
  const { verbs, say } = options;
  const made: string[] = [];
  const before = new Map<string, { readonly instance: string; readonly setting: string; readonly value: string }>();
  const leftBehind: (() => Promise<unknown>)[] = [];
  const rows = async () => (await readStatus(session)).rows;
  const start = async (instances: readonly string[]) => {
    for (const reference of instances) await controlInstances({ ...verbs, action: "start", reference });
  };
  const heal = async () => {
    if (made.length === 0) return;
    await healFaults(session, [...made]);
    made.length = 0;
  };
  return {
    roles: rows,
    problems: async () => (await readStatus(session)).findings.flatMap(({ severity, text }) => (severity === "note" ? [] : [text])),
    async startLoad(folder) {
      const traffic = await layoutOperations(session).traffic();
      const { rate = DRILL_RATE, reads = DEFAULT_READS, wait } = options.load;
      const settings = loadSettings(
        {
          rate,
          reads,
          keys: "uniform",
          keyCount: DEFAULT_KEY_COUNT,
          size: DEFAULT_SIZE,
          pipeline: 1,
          timeoutMs: DEFAULT_TIMEOUT_MS,
          seed: options.seed,
          wait,
        },
        traffic,
      );
      const id = randomBytes(4).toString("hex");
      const common = { enter: session.enter("client"), settings, traffic, password: session.secrets.password, folder, id };
      const load = await startLoad({ ...common, keep: true });
      // Who is the master now, and not who was when the load began.
      leftBehind.push(async () => removeLoadKeys({ ...common, traffic: await layoutOperations(session).traffic() }));
      return {
        writers: load.writers,
        acknowledged: () => load.counts().acknowledged,
        stop: async () => void (await load.stop()),
        ended: load.ended,
      };
    },
    observe: (emit) =>
      startObserver({
        instances: placedInstances(placement).map(({ id, host, kind, role }) => ({
          id,
          host,
          kind,
          inCluster: layoutRow(lab.layout).hasSlots && role.kind !== "sentinel",
        })),
        connect: (id) => access.connect(id),
        stream: (id) => access.stream(id),
        follow: (id, onZone, onLine, signal) => followLog(session, findInstance(placement, id), { onZone, onLine, signal }),
        nameOf: (where) => placedInstances(placement).find(({ address, port }) => `${address}:${port}` === where)?.id,
        emit,
      }),
    async inject(request) {
      const fault = await injectFault(session, asNamed(request));
      made.push(fault.id);
      return fault;
    },
    heal,
    start,
    async failover(how, master) {
      const layout = drillLayout(lab);
      if (how === "plain") return layout.plainFailover(session, master);
      const replica = (await rows()).find((row) => row.role === "replica" && row.master === master && row.state === "up")?.instance;
      return layout.handOver(verbs, master, replica);
    },
    async reshard(from, to, slots, begun) {
      const emit: typeof verbs.emit = (event) => {
        if (event.type === "progress") begun();
        verbs.emit(event);
      };
      await changeCluster({ ...verbs, emit, verb: "reshard" }, (view) => reshardPlan({ from: [from], to, slots }, view));
    },
    async rollingRestart() {
      const layout = layoutOperations(session);
      for (const id of await layout.restartOrder()) {
        session.signal?.throwIfAborted();
        say(`restart ${id}`);
        await layout.release(id);
        access.drop(id);
        await controlInstances({ ...verbs, action: "restart", reference: id });
        await layout.settled(id);
      }
    },
    async up() {
      if (layoutRow(lab.layout).hasSlots) await endMoves(verbs);
      await bringUp(verbs);
    },
    async set(instance, setting, value) {
      const client = await access.client(instance);
      const key = `${instance} ${setting}`;
      if (!before.has(key)) before.set(key, { instance, setting, value: (await configGet(client, setting)) ?? "" });
      await configSet(client, setting, value);
    },
    finalState: () =>
      lookAtEnd(
        session,
        made.map((id) => `the fault ${id} is not undone`),
      ),
    readFinal: (folder) => readFinalValues(session, folder),
    say,
    async undo() {
      for (const { instance, setting, value } of before.values()) await configSet(await access.client(instance), setting, value);
      for (const each of leftBehind.splice(0)) await each();
    },
  };
}

/** Whole hosts are named where a fault is one of hosts; the hosts of a side with commas. */
function asNamed(request: FaultRequest): FaultRequest {
  const of = isFaultName(request.fault) ? FAULTS[request.fault].of : "instances";
  if (of === "instances") return request;
  const hosts = [...new Set(request.targets.map((target) => target.split(":")[0] ?? ""))];
  return { ...request, targets: of === "sides" ? [hosts.join(",")] : hosts };
}

/** Instances come back first: what was on its way ends on masters that answer. */
async function endMoves(verbs: PortOptions["verbs"]): Promise<void> {
  const { openMoves } = await import("../../cluster/apply/journal.ts");
  const { statePaths } = await import("../../project/state.ts");
  const paths = statePaths(verbs.project, verbs.lab.name, verbs.target);
  if ((await openMoves(paths.journalFolder)).length === 0) return;
  await resumeOrRollBack("resume", verbs).catch(async () => {
    // A master that died in the middle may be another one by now: then what the nodes say counts.
    await fixCluster(verbs);
  });
}

async function followLog(
  session: Session,
  { host, logFile }: PlacedInstance,
  {
    onZone,
    onLine,
    signal,
  }: { readonly onZone: (minutes: number) => void; readonly onLine: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  let first = true;
  // -F: a log that is rotated, or that does not exist yet, is followed all the same.
  await connectionTo(session, host).run(sh`date +%z; exec tail --pid=$PPID -n 0 -F ${logFile} 2>/dev/null`, {
    title: "tail",
    root: true,
    onLine: (line) => {
      if (first) onZone(offsetOf(line));
      else onLine(line);
      first = false;
    },
    kept: "end",
    signal,
    timeoutMs: NO_TIMEOUT_MS,
  });
}
