import { isLabError } from "../../base/error.ts";
import { Queue } from "../../base/queue.ts";
import type { Failure } from "../../redis/outcome.ts";
import { micros } from "../clock.ts";
import type { Ledger } from "../ledger.ts";
import type { Answer, LoadClient, Task } from "./client.ts";
import type { BaseKey } from "./keys.ts";
import { Schedule } from "./schedule.ts";
import type { LoadSettings, LoadShard } from "./settings.ts";
import { spreadOver } from "./spread.ts";
import type { Counts, LoadSummary } from "./summary.ts";
import { LoadTally, type Outcome } from "./tally.ts";
import { type Ticker, timerTicker } from "./ticker.ts";
import { LoadWriter } from "./writers.ts";

export interface LoadRunOptions {
  readonly settings: LoadSettings;
  readonly shards: readonly LoadShard[];
  /** Keys of each shard. */
  readonly keys: readonly (readonly BaseKey[])[];
  readonly ledger: Ledger;
  readonly client: LoadClient;
  /** What was counted, once a second. */
  readonly onSecond?: ((counts: Counts) => void) | undefined;
  readonly ticker?: Ticker | undefined;
}

interface Operation extends Task {
  readonly writer: LoadWriter;
  readonly due: number;
  readonly sentAt: number;
  settled: boolean;
}

const TOO_LATE: Failure = { certain: true, code: "not-sent", text: "not sent: no writer of its shard was free in time" };
const ENDED: Failure = { certain: true, code: "not-sent", text: "not sent: the load ended" };
const NO_ANSWER: Failure = { certain: false, code: "timeout", text: "no answer in time" };
/** Longest pause between two looks at what is late, in microseconds. */
const LOOK_MICROS = 10_000;

/** One shard: what is due and waits, and who may send it. */
interface Lane {
  readonly waiting: Queue<number>;
  readonly free: LoadWriter[];
  /** When it answered last. */
  answeredAt: number;
}

/**
 * The loop of a load. Each operation becomes due by the schedule, whatever the servers answer; it is written down, then sent by a writer of its shard that is free, and has an outcome within the time-out: what is not
 * sent by then has failed, what is not answered by then is unknown. What waits is thereby bounded by rate and time-out.
 */
export class LoadRun {
  readonly #options: LoadRunOptions;
  readonly #lanes: readonly Lane[];
  readonly #writers: readonly LoadWriter[];
  readonly #tally: LoadTally;
  readonly #schedule: Schedule;
  readonly #ticker: Ticker;
  readonly #underWay = new Queue<Operation>();
  readonly #beganAt: number;
  readonly #timeout: number;
  #counted: Outcome[] = [];
  #running = 0;
  #waiting = 0;
  #number = 0;
  #seconds = 0;
  #reached: { readonly at: number; readonly acknowledged: number } | undefined;
  #stopped: string | undefined;
  #immediate = false;
  #done: ((summary: LoadSummary) => void) | undefined;

  constructor(options: LoadRunOptions) {
    const { settings, shards, keys } = options;
    this.#options = options;
    this.#timeout = settings.timeoutMs * 1000;
    this.#writers = shards.flatMap(({ name }, shard) => {
      const own = keys[shard] ?? [];
      const choose = spreadOver(own.length, settings.keys);
      return Array.from({ length: settings.writers }, (_, index) => {
        return new LoadWriter({ id: shard * settings.writers + index, shard: name }, own, choose, settings);
      });
    });
    this.#beganAt = micros();
    this.#lanes = shards.map((_, shard) => ({
      waiting: new Queue<number>(),
      free: this.#writers.slice(shard * settings.writers, (shard + 1) * settings.writers),
      answeredAt: this.#beganAt,
    }));
    this.#tally = new LoadTally(
      shards.map(({ name }) => ({ name, writers: settings.writers })),
      this.#beganAt,
    );
    this.#schedule = new Schedule(this.#beganAt, settings.rate, settings.forMs);
    this.#ticker = options.ticker ?? timerTicker();
  }

  get beganAt(): number {
    return this.#beganAt;
  }

  get writers(): readonly LoadWriter[] {
    return this.#writers;
  }

  run(): Promise<LoadSummary> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#tick();
    });
  }

  /** No operation becomes due any more; those under way come to their end. @param why undefined where it is the end that was wanted */
  stop(why: string | undefined): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = why ?? "";
    this.#soon();
  }

  /** Ends at once: what is under way stays without an outcome. */
  abandon(): void {
    this.#end("it was abandoned");
  }

  readonly #tick = (): void => {
    if (this.#done === undefined) return;
    const now = micros();
    try {
      if (this.#stopped === undefined && this.#options.client.broken !== undefined) this.#stopped = this.#options.client.broken;
      this.#takeDue(now);
      this.#giveUpWaiting(now);
      const sending = this.#prepare(now);
      this.#expire(now);
      this.#write();
      for (const operation of sending) this.#send(operation);
    } catch (error) {
      if (!isLabError(error)) throw error;
      this.#end(`${error.what} ${error.why ?? ""}`.trim());
      return;
    }
    while (now >= this.#beganAt + (this.#seconds + 1) * 1e6) this.#endSecond();
    if (this.#nextDue === undefined) {
      this.#reached ??= { at: now, acknowledged: this.#tally.counts.acknowledged };
      if (this.#running === 0 && this.#waiting === 0 && this.#counted.length === 0) {
        this.#end(this.#stopped === "" ? undefined : this.#stopped);
        return;
      }
    }
    const next = Math.min(this.#nextDue ?? Number.POSITIVE_INFINITY, now + LOOK_MICROS);
    this.#ticker.at(next, this.#tick);
  };

  get #nextDue(): number | undefined {
    return this.#stopped === undefined ? this.#schedule.next : undefined;
  }

  #takeDue(now: number): void {
    for (let due = this.#nextDue; due !== undefined && due <= now; due = this.#nextDue) {
      const lane = this.#lanes[this.#schedule.count % this.#lanes.length];
      this.#schedule.take();
      lane?.waiting.push(due);
      this.#waiting += 1;
    }
  }

  #giveUpWaiting(now: number): void {
    const latest = this.#stopped === undefined ? now - this.#timeout : Number.POSITIVE_INFINITY;
    for (const [shard, { waiting }] of this.#lanes.entries())
      for (let due = waiting.first; due !== undefined && due < latest; due = waiting.first) {
        waiting.shift();
        this.#waiting -= 1;
        const writer = this.#writers[shard * this.#options.settings.writers];
        if (writer === undefined) continue;
        const operation = this.#invoke(writer, shard, due, now);
        this.#settle(operation, { k: "fail", failure: this.#stopped === undefined ? TOO_LATE : ENDED }, now, false);
      }
  }

  #prepare(now: number): readonly Operation[] {
    const sending: Operation[] = [];
    for (const [shard, { waiting, free }] of this.#lanes.entries())
      while (free.length > 0 && waiting.first !== undefined) {
        const writer = free.shift() as LoadWriter;
        const due = waiting.shift() ?? now;
        this.#waiting -= 1;
        writer.underWay += 1;
        if (writer.underWay < this.#options.settings.pipeline) free.push(writer);
        this.#tally.sentLate(now - due);
        sending.push(this.#invoke(writer, shard, due, now));
      }
    return sending;
  }

  #invoke(writer: LoadWriter, shard: number, due: number, now: number): Operation {
    this.#number += 1;
    const work = writer.next();
    const late = Math.round(now - due);
    this.#options.ledger.invoke({ o: this.#number, t: now, w: writer.id, op: work.kind, key: work.key, v: work.v, late });
    return { o: this.#number, writer, work, shard, key: work.key, slot: work.slot, due, sentAt: now, settled: false };
  }

  #send(operation: Operation): void {
    this.#running += 1;
    this.#underWay.push(operation);
    void this.#options.client.send(operation).then((answer) => {
      if (operation.settled) return;
      const now = micros();
      const lane = this.#lanes[operation.shard];
      if (lane !== undefined) lane.answeredAt = now;
      this.#free(operation);
      this.#settle(operation, answer, now, true);
      this.#soon();
    });
  }

  #expire(now: number): void {
    for (
      let first = this.#underWay.first;
      first !== undefined && (first.settled || first.sentAt + this.#timeout <= now);
      first = this.#underWay.first
    ) {
      this.#underWay.shift();
      if (first.settled) continue;
      const lane = this.#lanes[first.shard];
      if (lane !== undefined && lane.answeredAt < first.sentAt) {
        lane.answeredAt = now;
        this.#options.client.lookAgain(first);
      }
      this.#free(first);
      this.#settle(first, { k: "unknown", failure: NO_ANSWER }, now, true);
    }
  }

  #free(operation: Operation): void {
    const { writer } = operation;
    this.#running -= 1;
    const free = this.#lanes[operation.shard]?.free;
    if (writer.underWay === this.#options.settings.pipeline) free?.push(writer);
    writer.underWay -= 1;
  }

  /** Writes an outcome down; it counts once the line is on disk. */
  #settle(operation: Operation, answer: Answer, at: number, sent: boolean): void {
    const { o, work, writer, due, shard } = operation;
    operation.settled = true;
    if (answer.k === "ok") {
      writer.acknowledged(work);
      const node = this.#options.client.nodeOf(operation);
      const said = node === writer.node ? undefined : node;
      writer.node = node;
      this.#options.ledger.end({ k: "ok", o, t: at, v: answer.v, node: said });
      this.#counted.push({ shard, kind: work.kind, due, at, k: "ok", sent });
    } else {
      this.#options.ledger.end({ k: answer.k, o, t: at, error: answer.failure.text });
      this.#counted.push({ shard, kind: work.kind, due, at, k: answer.k, sent, failure: answer.failure });
    }
  }

  #write(): void {
    this.#options.ledger.flush();
    for (const outcome of this.#counted) this.#tally.add(outcome);
    this.#counted = [];
  }

  #endSecond(): void {
    this.#seconds += 1;
    this.#tally.endSecond();
    this.#options.onSecond?.(this.#tally.counts);
  }

  /** What was answered in one turn is written down together. */
  #soon(): void {
    if (this.#immediate) return;
    this.#immediate = true;
    setImmediate(() => {
      this.#immediate = false;
      this.#tick();
    });
  }

  #end(endedBy: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    this.#ticker.stop();
    this.#tally.endSecond();
    const endedAt = micros();
    const { settings, ledger } = this.#options;
    const counts = this.#tally.counts;
    const { at, acknowledged } = this.#reached ?? { at: endedAt, acknowledged: counts.acknowledged };
    done?.({
      ...counts,
      // What is under way now has a first line in the ledger and no other one: nobody knows.
      unknown: counts.unknown + this.#running,
      beganAt: this.#beganAt,
      endedAt,
      rateAsked: settings.rate,
      rateReached: Math.round((acknowledged / Math.max(1, at - this.#beganAt)) * 1e7) / 10,
      operations: this.#schedule.count,
      latency: this.#tally.latency,
      late: this.#tally.late.summary,
      errors: this.#tally.errors,
      shards: this.#tally.shards,
      ledgerBytes: ledger.bytes,
      ...(endedBy !== undefined && { endedBy }),
    });
  }
}
