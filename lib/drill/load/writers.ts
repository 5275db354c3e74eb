import { randomFrom } from "../../base/random.ts";
import type { OperationKind, Writer } from "../history.ts";
import type { BaseKey } from "./keys.ts";
import type { LoadSettings } from "./settings.ts";
import type { Choose } from "./spread.ts";

/** What an operation is to do. */
export interface Work {
  readonly kind: OperationKind;
  readonly key: string;
  readonly slot: number;
  /** What a write sets. Of a read: what the key was set to. */
  readonly v: number | undefined;
}

/** Of ten operations that change something, one overwrites a register and one counts. */
const REGISTERS = 0.1;
const COUNTS = 0.1;
/** From so many of its last acknowledged writes a writer chooses which to read back. */
const REMEMBERED = 64;

/** Decides what the operations of one writer are; all follows from its seed and from what was acknowledged to it. */
export class LoadWriter implements Writer {
  readonly id: number;
  readonly shard: string;
  /** Operations that were sent and have no outcome yet. */
  underWay = 0;
  /** Who answered last. */
  node: string | undefined;
  readonly #keys: readonly BaseKey[];
  readonly #reads: number;
  readonly #random: () => number;
  readonly #choose: Choose;
  readonly #acknowledged: Work[] = [];
  #next = 0;
  #written = 0;

  /** @param choose among its keys; writers of a shard share it */
  constructor({ id, shard }: Writer, keys: readonly BaseKey[], choose: Choose, settings: Pick<LoadSettings, "reads" | "seed">) {
    this.id = id;
    this.shard = shard;
    this.#keys = keys;
    this.#choose = choose;
    this.#reads = settings.reads;
    // Neighbouring seeds of this generator begin alike.
    this.#random = randomFrom(Math.imul(settings.seed + 1, 0x9e3779b1) ^ Math.imul(id + 1, 0x85ebca6b));
  }

  next(): Work {
    const base = this.#keys[this.#choose(this.#random())];
    if (base === undefined) throw new Error(`writer ${this.id} has no keys`);
    if (this.#random() < this.#reads) {
      const back = this.#acknowledged[Math.floor(this.#random() * this.#acknowledged.length)];
      return this.#random() < 0.5 && back !== undefined
        ? { kind: "read", key: back.key, slot: back.slot, v: back.v }
        : { kind: "look", key: this.#registerOf(base), slot: base.slot, v: undefined };
    }
    const drawn = this.#random();
    if (drawn < COUNTS) return { kind: "count", key: `${base.text}:c`, slot: base.slot, v: undefined };
    this.#next += 1;
    if (drawn < COUNTS + REGISTERS) return { kind: "register", key: this.#registerOf(base), slot: base.slot, v: this.#next };
    return { kind: "write", key: `${base.text}:${this.id}:${this.#next}`, slot: base.slot, v: this.#next };
  }

  /** A write was acknowledged. */
  acknowledged(work: Work): void {
    if (work.kind !== "write") return;
    this.#acknowledged[this.#written % REMEMBERED] = work;
    this.#written += 1;
  }

  #registerOf({ text }: BaseKey): string {
    return `${text}:r${this.id}`;
  }
}
