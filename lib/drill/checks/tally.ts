import { damagedHistory } from "../errors.ts";
import type { FinalLine, OperationKind, OperationLine } from "../history.ts";
import type { HistoryFolder } from "../reading/history-folder.ts";
import { LatencySlices } from "./latency.ts";
import { SideTimes } from "./side-times.ts";
import { WRITE, WriteLog } from "./write-log.ts";

// One pass over a history of any length. What is kept: a byte for each write, a few numbers for each key that is overwritten, and what is under way.

/** Examples of a fault that are kept. */
const EXAMPLES = 5;
/** Keys that are overwritten or counted, and series of writes. */
const MOST_KEYS = 1_000_000;
/** Operations without an outcome: more are no history of our load, which bounds what is under way. */
const MOST_OPEN = 1_000_000;
/** How far an outcome may be before its invocation, or a line before the one that it follows, in microseconds: lines of several writers are written a moment after they happened. */
const CLOCK_SLACK = 1_000_000;

/** Something that happened a number of times, with the first few of them. */
export class Occurrences {
  count = 0;
  readonly examples: string[] = [];

  add(example: () => string): void {
    this.count += 1;
    if (this.examples.length < EXAMPLES) this.examples.push(example());
  }
}

interface OpenOperation {
  readonly t: number;
  /** When it was due. */
  readonly due: number;
  readonly op: OperationKind;
  readonly key: string;
  readonly shard: string;
  readonly writer: number;
  readonly v: number | undefined;
  /** Of a read: the write was acknowledged before it. Of a look: the highest number that was. */
  readonly least: number;
}

interface Register {
  acknowledged: number;
  invoked: number;
  /** Numbers of writes without an answer: each of them may be done at any later time. */
  readonly unknown: Set<number>;
  /** By writer: the highest number that it has read. */
  readonly read: Map<number, number>;
  final: number | null | undefined;
}

interface Series {
  readonly number: number;
  readonly writer: number;
}

interface Counter {
  acknowledged: number;
  unknown: number;
  final: number | null | undefined;
}

export interface ShardSides {
  readonly write: SideTimes;
  readonly read: SideTimes;
}

const isWrite = (op: OperationKind) => op === "write" || op === "register" || op === "count";

export class HistoryTally {
  readonly #folder: string;
  readonly #sinceMicros: number;
  readonly #shards: ReadonlyMap<number, string>;
  readonly #open = new Map<number, OpenOperation>();
  /** By writer. */
  readonly writes = new Map<number, WriteLog>();
  /** What keys of writes begin with. */
  readonly #series = new Map<string, Series>();
  readonly registers = new Map<string, Register>();
  readonly counters = new Map<string, Counter>();
  readonly sides = new Map<string, ShardSides>();
  readonly latencies = new LatencySlices();
  /** Outcomes of the operations that write, and of those that read. */
  readonly counts = { write: outcomes(), read: outcomes() };
  readonly errors = new Map<string, number>();
  readonly stale = new Occurrences();
  readonly backwards = new Occurrences();
  readonly lost = new Occurrences();
  readonly phantom = new Occurrences();
  readonly counterFaults = new Occurrences();
  readonly clockFaults = new Occurrences();
  unknownPresent = 0;
  unknownAbsent = 0;
  firstMicros = 0;
  lastMicros = 0;
  #lines = 0;

  /** @param sinceMicros the first fault: what failed before it is no news of it */
  constructor(history: Pick<HistoryFolder, "folder" | "header">, sinceMicros: number) {
    this.#folder = history.folder;
    this.#sinceMicros = sinceMicros;
    this.#shards = new Map(history.header.writers.map(({ id, shard }) => [id, shard]));
    for (const shard of this.#shards.values()) this.#sidesOf(shard);
  }

  take(line: OperationLine): void {
    this.#lines += 1;
    if (this.#lines === 1) this.firstMicros = line.t;
    if (line.t < this.lastMicros - CLOCK_SLACK)
      this.clockFaults.add(() => `operation ${line.o} is ${this.lastMicros - line.t} µs before the one above it`);
    this.lastMicros = Math.max(this.lastMicros, line.t);
    if (line.k === "invoke") {
      this.#invoke(line);
      return;
    }
    if (line.k === "unsent") {
      this.#unsent(line);
      return;
    }
    const open = this.#open.get(line.o);
    // An outcome whose invocation is not there: both are written in this order.
    if (open === undefined) throw this.#damaged(`operation ${line.o} ends and was never begun`);
    this.#open.delete(line.o);
    if (line.t < open.t) this.clockFaults.add(() => `operation ${line.o} ended ${open.t - line.t} µs before it began`);
    const { write, read } = this.#sidesOf(open.shard);
    const [side, counts] = isWrite(open.op) ? [write, this.counts.write] : [read, this.counts.read];
    if (line.k === "ok") {
      counts.acknowledged += 1;
      side.acknowledged(line.t);
      this.latencies.add(open.t, line.t - open.due);
      this.#acknowledged(open, line.v);
      return;
    }
    counts[line.k === "fail" ? "failed" : "unknown"] += 1;
    side.failed(open.t, line.t);
    this.#countError(line.error);
    this.#refused(open, line.k);
  }

  /** What is still under way when the operations end may have been done. */
  end(): void {
    for (const open of this.#open.values()) {
      (isWrite(open.op) ? this.counts.write : this.counts.read).unknown += 1;
      this.#refused(open, "unknown");
    }
    this.#open.clear();
  }

  final({ key, v }: FinalLine): void {
    const register = this.registers.get(key);
    if (register !== undefined) register.final = v;
    const counter = this.counters.get(key);
    if (counter !== undefined) counter.final = v;
    const found = this.#writeOf(key);
    if (found === undefined) return;
    const { log, sequence } = found;
    const state = log.stateOf(sequence);
    log.look(sequence);
    if (state === WRITE.acknowledged && v !== sequence) this.lost.add(() => (v === null ? key : `${key} (holds ${v})`));
    if (state === WRITE.failed && v === sequence) this.phantom.add(() => key);
    if (state === WRITE.unknown || state === WRITE.open) {
      if (v === sequence) this.unknownPresent += 1;
      else this.unknownAbsent += 1;
    }
  }

  /** After the last final value. */
  settle(): void {
    for (const [key, { acknowledged, invoked, unknown, final }] of this.registers) {
      if (final === undefined) continue;
      if ((final ?? 0) < acknowledged && !unknown.has(final ?? 0))
        this.lost.add(() => `${key} holds ${final ?? "nothing"}, ${acknowledged} was acknowledged`);
      if ((final ?? 0) > invoked) this.phantom.add(() => `${key} holds ${final}, which nobody wrote`);
    }
    for (const [key, { acknowledged, unknown, final }] of this.counters) {
      if (final === undefined) continue;
      const value = final ?? 0;
      if (value < acknowledged || value > acknowledged + unknown)
        this.counterFaults.add(() => `${key} is ${value}, not between ${acknowledged} and ${acknowledged + unknown}`);
    }
  }

  /** Acknowledged writes of which no final value was read. */
  get unseen(): number {
    const logs = [...this.writes.values()].map((log) => log.count(WRITE.acknowledged).unseen);
    const keys = [...this.registers.values(), ...this.counters.values()].filter((key) => key.final === undefined && key.acknowledged > 0);
    return logs.reduce((sum, each) => sum + each, keys.length);
  }

  #invoke(line: OperationLine & { readonly k: "invoke" }): void {
    const { o, t, w, op, key, v, late = 0 } = line;
    const shard = this.#shards.get(w);
    if (shard === undefined) throw this.#damaged(`operation ${o} is of writer ${w}, which the header does not name`);
    if (this.#open.has(o)) throw this.#damaged(`operation ${o} begins twice`);
    if (this.#open.size >= MOST_OPEN) throw this.#damaged(`more than ${MOST_OPEN} operations are under way`);
    if (op === "write") {
      const { series, sequence } = partsOf(key);
      if (sequence !== v) throw this.#damaged(`operation ${o} writes ${v} to ${key}`);
      const { number, writer } = this.#known(this.#series, series, () => ({ number: this.#series.size, writer: w }));
      if (writer !== w) throw this.#damaged(`writers ${writer} and ${w} both write to ${series}`);
      if (!this.#known(this.writes, w, () => new WriteLog()).invoke(sequence, number))
        throw this.#damaged(`operation ${o} writes ${key}, and its writer has not come that far`);
    }
    if (op === "count") this.#counterOf(key);
    if (op === "register") {
      const register = this.#registerOf(key);
      register.invoked = Math.max(register.invoked, v ?? 0);
    }
    this.#open.set(o, { t, due: t - late, op, key, shard, writer: w, v, least: this.#leastOf(op, key) });
  }

  /** Nothing of them was done, so they are in the counts alone. */
  #unsent({ o, n, t, w, op, error }: OperationLine & { readonly k: "unsent" }): void {
    const shard = this.#shards.get(w);
    if (shard === undefined) throw this.#damaged(`operation ${o} is of writer ${w}, which the header does not name`);
    const { write, read } = this.#sidesOf(shard);
    (isWrite(op) ? this.counts.write : this.counts.read).failed += n;
    (isWrite(op) ? write : read).failed(t, t);
    this.#countError(error, n);
  }

  /** What a read that begins now has to see at least. */
  #leastOf(op: OperationKind, key: string): number {
    if (op === "look") return this.registers.get(key)?.acknowledged ?? 0;
    if (op !== "read") return 0;
    const found = this.#writeOf(key);
    return found?.log.stateOf(found.sequence) === WRITE.acknowledged ? found.sequence : 0;
  }

  #acknowledged({ op, key, v, least, writer }: OpenOperation, read: number | null | undefined): void {
    switch (op) {
      case "write":
        this.writes.get(writer)?.settle(v ?? 0, WRITE.acknowledged);
        return;
      case "register": {
        const register = this.#registerOf(key);
        register.acknowledged = Math.max(register.acknowledged, v ?? 0);
        return;
      }
      case "count":
        this.#counterOf(key).acknowledged += 1;
        return;
      case "read":
        if (least > 0 && read !== least) this.stale.add(() => `${key} was acknowledged and read as ${read ?? "nothing"}`);
        return;
      case "look": {
        const value = read ?? 0;
        const register = this.#registerOf(key);
        // A write without an answer may be done in between, and then it is what stands there.
        if (register.unknown.has(value)) return;
        if (value < least) this.stale.add(() => `${key} was read as ${value} after ${least} was acknowledged`);
        const before = register.read.get(writer) ?? 0;
        if (value < before) this.backwards.add(() => `${key} was read as ${value} after ${before} by the same reader`);
        register.read.set(writer, Math.max(before, value));
        return;
      }
      default:
        op satisfies never;
    }
  }

  #refused({ op, key, v = 0, writer }: OpenOperation, how: "fail" | "unknown"): void {
    if (op === "register" && how === "unknown") this.#registerOf(key).unknown.add(v);
    if (op === "count" && how === "unknown") this.#counterOf(key).unknown += 1;
    if (op === "write") this.writes.get(writer)?.settle(v, how === "fail" ? WRITE.failed : WRITE.unknown);
  }

  #writeOf(key: string): { readonly log: WriteLog; readonly sequence: number } | undefined {
    const { series, sequence } = partsOf(key);
    const known = this.#series.get(series);
    const log = known === undefined ? undefined : this.writes.get(known.writer);
    if (known === undefined || log === undefined || log.stateOf(sequence) === WRITE.none) return undefined;
    return log.seriesOf(sequence) === known.number ? { log, sequence } : undefined;
  }

  /** The kind of an error: the first word of what a server says. */
  #countError(text: string, count = 1): void {
    const kind = /^[A-Z]{3,}/.exec(text)?.[0] ?? text.slice(0, 60);
    if (this.errors.size < 100 || this.errors.has(kind)) this.errors.set(kind, (this.errors.get(kind) ?? 0) + count);
  }

  #registerOf(key: string): Register {
    return this.#known(this.registers, key, () => ({ acknowledged: 0, invoked: 0, unknown: new Set(), read: new Map(), final: undefined }));
  }

  #counterOf(key: string): Counter {
    return this.#known(this.counters, key, () => ({ acknowledged: 0, unknown: 0, final: undefined }));
  }

  #sidesOf(shard: string): ShardSides {
    return this.#known(this.sides, shard, () => ({ write: new SideTimes(this.#sinceMicros), read: new SideTimes(this.#sinceMicros) }));
  }

  #known<K, T>(map: Map<K, T>, key: K, make: () => T): T {
    const known = map.get(key);
    if (known !== undefined) return known;
    if (map.size >= MOST_KEYS) throw this.#damaged(`it has more than ${MOST_KEYS} series of keys`);
    const made = make();
    map.set(key, made);
    return made;
  }

  #damaged(why: string) {
    return damagedHistory(`${this.#folder}/operations.jsonl`, this.#lines, why);
  }
}

function outcomes() {
  return { acknowledged: 0, failed: 0, unknown: 0 };
}

/** `KEY:SEQUENCE`. */
function partsOf(key: string): { readonly series: string; readonly sequence: number } {
  const colon = key.lastIndexOf(":");
  const sequence = Number(key.slice(colon + 1));
  return { series: key.slice(0, colon), sequence: colon > 0 && Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0 };
}

/** Goes through a history once. @throws LabError `drill.damaged-history` */
export async function tallyHistory(history: HistoryFolder): Promise<HistoryTally> {
  const fault = history.events.find(({ what }) => what === "fault");
  const tally = new HistoryTally(history, fault?.t ?? 0);
  for await (const batch of history.operations()) for (const line of batch) tally.take(line);
  tally.end();
  for await (const batch of history.final()) for (const line of batch) tally.final(line);
  tally.settle();
  return tally;
}
