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
  readonly sent: boolean;
  readonly failure?: Failure | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const isRead = (kind: OperationKind) => kind === "read" || kind === "look";

/** The reads or the writes of a shard. */
class Side {
  readonly counts: Mutable<Counts> = { acknowledged: 0, failed: 0, notSent: 0, unknown: 0 };
  readonly latencies = new Latencies();
  readonly #ofSecond = new Latencies();
  readonly #second = { acknowledged: 0, failed: 0, unknown: 0 };
  readonly #series: Mutable<Series> = { acknowledged: [], failed: [], unknown: [], p50: [], p99: [], max: [] };
  readonly #gaps: Gaps;

  constructor(beganAt: number) {
    this.#gaps = new Gaps(beganAt);
  }

  add({ k, due, at, sent }: Outcome): void {
    switch (k) {
      case "ok":
        this.counts.acknowledged += 1;
        this.#second.acknowledged += 1;
        this.latencies.add(at - due);
        this.#ofSecond.add(at - due);
        this.#gaps.acknowledged(at);
        break;
      case "fail":
        this.counts.failed += 1;
        this.#second.failed += 1;
        if (!sent) this.counts.notSent += 1;
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

  endSecond(): void {
    const { p50, p99, max } = this.#ofSecond.summary;
    const { acknowledged, failed, unknown } = this.#second;
    for (const [name, value] of Object.entries({ acknowledged, failed, unknown, p50, p99, max }))
      this.#series[name as keyof Series].push(value);
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
  readonly #writes = new Latencies();
  readonly #reads = new Latencies();
  readonly #late = new Latencies();
  readonly #errors = new Map<string, number>();

  constructor(shards: readonly { readonly name: string; readonly writers: number }[], beganAt: number) {
    this.#shards = shards.map((shard) => ({ ...shard, writes: new Side(beganAt), reads: new Side(beganAt) }));
  }

  add(outcome: Outcome): void {
    const shard = this.#shards[outcome.shard];
    if (shard === undefined) return;
    const reads = isRead(outcome.kind);
    (reads ? shard.reads : shard.writes).add(outcome);
    if (outcome.k === "ok") (reads ? this.#reads : this.#writes).add(outcome.at - outcome.due);
    const code = outcome.failure?.code;
    if (code !== undefined) this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
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
    return { writes: this.#writes.summary, reads: this.#reads.summary };
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
}
