import { isLabError } from "../../base/error.ts";
import { Queue } from "../../base/queue.ts";
import type { Failure } from "../../redis/outcome.ts";
import { micros } from "../clock.ts";
import type { Ledger } from "../ledger.ts";
import type { Answer, LoadClient } from "./client.ts";
import type { BaseKey } from "./keys.ts";
import { Operation } from "./operation.ts";
import { Schedule } from "./schedule.ts";
import type { LoadSettings, LoadShard } from "./settings.ts";
import { spreadOver } from "./spread.ts";
import type { Counts, LoadSummary } from "./summary.ts";
import { LoadTally, type Outcome, type UnsentRun } from "./tally.ts";
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

const TOO_LATE: Failure = { certain: true, code: "not-sent", text: "not sent: no writer of its shard was free in time" };
const ENDED: Failure = { certain: true, code: "not-sent", text: "not sent: the load ended" };
const NO_ANSWER: Failure = { certain: false, code: "timeout", text: "no answer in time" };
/** Time between two lines about operations of a shard that are not sent, in microseconds: one for each look would be many where more is asked for than can be done. */
const UNSENT_MICROS = 10_000;
/** Longest pause between two looks at what is late, in microseconds. */
const LOOK_MICROS = 10_000;

/** One shard: what is due and waits, and who may send it. Every n-th operation of the schedule is its own, where there are n shards. */
interface Lane {
  readonly shard: number;
  /** Number in the schedule of the first operation that waits, or that is to become due next. */
  next: number;
  readonly free: LoadWriter[];
  /** When it answered last. */
  answeredAt: number;
  /** When its master was looked for again. */
  lookedAt: number;
  /** When it was written down last that operations were not sent. */
  unsentAt: number;
}

/**
 * The loop of a load. Each operation becomes due by the schedule, whatever the servers answer; it is written down, then sent by a writer of its shard that is free, and has an outcome within the time-out: what is not
 * sent by then has failed, what is not answered by then is unknown. What waits is two numbers for each shard, and what is not sent is one line for a run of operations, so that a load which asks for
 * more than the servers can do still gets out of them what they can do.
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
  #unsent: UnsentRun[] = [];
  #running = 0;
  #number = 0;
  /** Of operations that were not sent, the part of a read that is not accounted for yet. */
  #readsOwed = 0;
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
      shard,
      next: shard,
      free: this.#writers.slice(shard * settings.writers, (shard + 1) * settings.writers),
      answeredAt: this.#beganAt - 1,
      lookedAt: this.#beganAt - 1,
      unsentAt: this.#beganAt,
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
      if (this.#stopped === undefined) this.#schedule.advance(now);
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
      if (this.#running === 0 && this.#counted.length === 0 && this.#lanes.every(({ next }) => next >= this.#schedule.count)) {
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

  #giveUpWaiting(now: number): void {
    const { count } = this.#schedule;
    const stopped = this.#stopped !== undefined;
    const bound = stopped ? count : Math.min(count, this.#schedule.dueBefore(now - this.#timeout));
    for (const lane of this.#lanes) {
      if (lane.next >= bound || (!stopped && now < lane.unsentAt + UNSENT_MICROS)) continue;
      lane.unsentAt = now;
      const given = Math.ceil((bound - lane.next) / this.#lanes.length);
      const first = lane.next;
      lane.next += given * this.#lanes.length;
      this.#leaveUnsent(lane, { given, first, now, failure: stopped ? ENDED : TOO_LATE });
    }
  }

  /** They have neither keys nor values: how many of them would have read follows from the share of reads. */
  #leaveUnsent(
    { shard, answeredAt, lookedAt }: Lane,
    { given, first, now, failure }: { readonly given: number; readonly first: number; readonly now: number; readonly failure: Failure },
  ): void {
    const { settings, ledger } = this.#options;
    const [from, to] = [first, first + (given - 1) * this.#lanes.length].map((number) => Math.round(this.#schedule.dueOf(number)));
    if (from === undefined || to === undefined) return;
    this.#readsOwed += given * settings.reads;
    const reading = Math.min(given, Math.floor(this.#readsOwed));
    this.#readsOwed -= reading;
    for (const [reads, count] of [
      [false, given - reading],
      [true, reading],
    ] as const) {
      if (count === 0) continue;
      const w = shard * settings.writers;
      ledger.unsent({ o: this.#number + 1, n: count, t: now, w, op: reads ? "look" : "write", from, to, error: failure.text });
      this.#number += count;
      this.#unsent.push({ shard, reads, count, at: now, code: failure.code, outage: answeredAt < lookedAt });
    }
  }

  #prepare(now: number): readonly Operation[] {
    const sending: Operation[] = [];
    const { count } = this.#schedule;
    const { pipeline } = this.#options.settings;
    for (const lane of this.#lanes)
      while (lane.free.length > 0 && lane.next < count) {
        const writer = lane.free.shift() as LoadWriter;
        const due = this.#schedule.dueOf(lane.next);
        lane.next += this.#lanes.length;
        writer.underWay += 1;
        if (writer.underWay < pipeline) lane.free.push(writer);
        this.#tally.sentLate(now - due);
        sending.push(this.#invoke(writer, lane.shard, due, now));
      }
    return sending;
  }

  #invoke(writer: LoadWriter, shard: number, due: number, now: number): Operation {
    this.#number += 1;
    const work = writer.next();
    const late = Math.round(now - due);
    this.#options.ledger.invoke({ o: this.#number, t: now, w: writer.id, op: work.kind, key: work.key, v: work.v, late });
    return new Operation(this.#number, work, shard, writer, due, now);
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
      this.#settle(operation, answer, now);
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
      if (lane !== undefined && lane.answeredAt < first.sentAt && lane.lookedAt < first.sentAt) {
        lane.lookedAt = now;
        this.#options.client.lookAgain(first);
      }
      this.#free(first);
      this.#settle(first, { k: "unknown", failure: NO_ANSWER }, now);
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
  #settle(operation: Operation, answer: Answer, at: number): void {
    const { o, work, writer } = operation;
    operation.settled = true;
    operation.at = at;
    operation.k = answer.k;
    if (answer.k === "ok") {
      writer.acknowledged(work);
      const node = this.#options.client.nodeOf(operation);
      const said = node === writer.node ? undefined : node;
      writer.node = node;
      this.#options.ledger.end({ k: "ok", o, t: at, v: answer.v, node: said });
    } else {
      operation.failure = answer.failure;
      this.#options.ledger.end({ k: answer.k, o, t: at, error: answer.failure.text });
    }
    this.#counted.push(operation);
  }

  #write(): void {
    this.#options.ledger.flush();
    for (const outcome of this.#counted) this.#tally.add(outcome);
    for (const run of this.#unsent) this.#tally.unsent(run);
    this.#counted = [];
    this.#unsent = [];
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
