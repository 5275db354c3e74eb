import type { Failure } from "../../redis/outcome.ts";
import type { OperationKind } from "../history.ts";
import type { Task } from "./client.ts";
import type { Outcome } from "./tally.ts";
import type { LoadWriter, Work } from "./writers.ts";

/** An operation from its first line to its outcome: one object for all of it, as there are tens of thousands a second. */
export class Operation implements Task, Outcome {
  readonly o: number;
  readonly work: Work;
  readonly shard: number;
  readonly writer: LoadWriter;
  /** When it was due. */
  readonly due: number;
  readonly sentAt: number;
  at = 0;
  k: "ok" | "fail" | "unknown" = "unknown";
  failure: Failure | undefined;
  settled = false;

  constructor(o: number, work: Work, shard: number, writer: LoadWriter, due: number, sentAt: number) {
    this.o = o;
    this.work = work;
    this.shard = shard;
    this.writer = writer;
    this.due = due;
    this.sentAt = sentAt;
  }

  get key(): string {
    return this.work.key;
  }

  get slot(): number {
    return this.work.slot;
  }

  get kind(): OperationKind {
    return this.work.kind;
  }
}
