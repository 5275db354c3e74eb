import type { Failure } from "../../redis/outcome.ts";
import type { OperationKind } from "../history.ts";
import { Gaps } from "./gaps.ts";
import { Latencies } from "./latencies.ts";
import type { Counts, Series, ShardSummary, SideSummary } from "./summary.ts";

/** An outcome that is on disk, and so counts. */
export interface Outcome {
  readonly shard: number;
  readonly kind: OperationKind;
  readonly due: number;
  readonly at: number;
  readonly k: "ok" | "fail" | "unknown";
  readonly failure?: Failure | undefined;
}

/** Operations of a shard that were due one after the other, and never sent. */
export interface UnsentRun {
  readonly shard: number;
  readonly reads: boolean;
  readonly count: number;
  readonly at: number;
  readonly code: string;
  /** The shard has answered nothing for a whole time-out. */
  readonly outage: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const isRead = (kind: OperationKind) => kind === "read" || kind === "look";

/** The reads or the writes of a shard. */
class Side {
  readonly counts: Mutable<Counts> = { acknowledged: 0, failed: 0, notSent: 0, unknown: 0 };
  /** Of the seconds that are over. */
  readonly latencies = new Latencies();
  readonly #ofSecond = new Latencies();
  readonly #second = { acknowledged: 0, failed: 0, unknown: 0 };
  readonly #series: Mutable<Series> = { acknowledged: [], failed: [], unknown: [], p50: [], p99: [], max: [] };
  readonly #gaps: Gaps;

  constructor(beganAt: number) {
    this.#gaps = new Gaps(beganAt);
  }

  add({ k, due, at }: Outcome): void {
    switch (k) {
      case "ok":
        this.counts.acknowledged += 1;
        this.#second.acknowledged += 1;
        this.#ofSecond.add(at - due);
        this.#gaps.acknowledged(at);
        break;
      case "fail":
        this.counts.failed += 1;
        this.#second.failed += 1;
        this.#gaps.failed(at);
        break;
      case "unknown":
        this.counts.unknown += 1;
        this.#second.unknown += 1;
        this.#gaps.failed(at);
        break;
      default:
        k satisfies never;
    }
  }

  /** @param outage the shard has answered nothing for a whole time-out: else the load asks for more than the servers can do, which is no gap */
  unsent(count: number, at: number, outage: boolean): void {
    this.counts.failed += count;
    this.counts.notSent += count;
    this.#second.failed += count;
    if (outage) this.#gaps.failed(at, count);
  }

  endSecond(): void {
    const { p50, p99, max } = this.#ofSecond.summary;
    const { acknowledged, failed, unknown } = this.#second;
    for (const [name, value] of Object.entries({ acknowledged, failed, unknown, p50, p99, max }))
      this.#series[name as keyof Series].push(value);
    this.latencies.merge(this.#ofSecond);
    this.#ofSecond.reset();
    Object.assign(this.#second, { acknowledged: 0, failed: 0, unknown: 0 });
  }

  get summary(): SideSummary {
    return { ...this.counts, latency: this.latencies.summary, series: this.#series, gapCount: this.#gaps.count, gaps: this.#gaps.longest };
  }
}

/** Counts what became of the operations of a load. */
export class LoadTally {
  readonly #shards: readonly { readonly name: string; readonly writers: number; readonly writes: Side; readonly reads: Side }[];
  readonly #late = new Latencies();
  readonly #errors = new Map<string, number>();

  constructor(shards: readonly { readonly name: string; readonly writers: number }[], beganAt: number) {
    this.#shards = shards.map((shard) => ({ ...shard, writes: new Side(beganAt), reads: new Side(beganAt) }));
  }

  add(outcome: Outcome): void {
    const shard = this.#shards[outcome.shard];
    if (shard === undefined) return;
    (isRead(outcome.kind) ? shard.reads : shard.writes).add(outcome);
    if (outcome.failure !== undefined) this.#count(outcome.failure.code, 1);
  }

  /** A run of operations of a shard was not sent. */
  unsent({ shard: index, reads, count, at, code, outage }: UnsentRun): void {
    const shard = this.#shards[index];
    if (shard === undefined) return;
    (reads ? shard.reads : shard.writes).unsent(count, at, outage);
    this.#count(code, count);
  }

  sentLate(microseconds: number): void {
    this.#late.add(microseconds);
  }

  /** A second of the series is over. */
  endSecond(): void {
    for (const { writes, reads } of this.#shards) {
      writes.endSecond();
      reads.endSecond();
    }
  }

  get counts(): Counts {
    const sides = this.#shards.flatMap(({ writes, reads }) => [writes.counts, reads.counts]);
    const sum = (name: keyof Counts) => sides.reduce((total, each) => total + each[name], 0);
    return { acknowledged: sum("acknowledged"), failed: sum("failed"), notSent: sum("notSent"), unknown: sum("unknown") };
  }

  get late(): Latencies {
    return this.#late;
  }

  get latency() {
    const all = (side: "writes" | "reads") => {
      const latencies = new Latencies();
      for (const shard of this.#shards) latencies.merge(shard[side].latencies);
      return latencies.summary;
    };
    return { writes: all("writes"), reads: all("reads") };
  }

  get errors(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#errors].sort(([, a], [, b]) => b - a));
  }

  get shards(): readonly ShardSummary[] {
    return this.#shards.map(({ name, writers, writes, reads }) => ({
      shard: name,
      writers,
      writes: writes.summary,
      reads: reads.summary,
    }));
  }

  #count(code: string, count: number): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + count);
  }
}
