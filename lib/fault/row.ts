import type { ProcessProof } from "../bootstrap/facts.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import type { TargetCapabilities } from "../lab/targets.ts";

/** What the options of the verb may be, and of whom the rows ask them. */
export interface FaultOptions {
  /** Only what the first side sends to the second is lost. */
  readonly oneWay?: boolean | undefined;
  /** Only the bus of a cluster. */
  readonly busOnly?: boolean | undefined;
  /** Clients of the lab still reach the hosts. */
  readonly keepClients?: boolean | undefined;
  /** Connections are reset in place of packets being dropped. */
  readonly reject?: boolean | undefined;
  /** Packets of a hundred that are lost. */
  readonly percent?: number | undefined;
  /** Milliseconds that each packet is late. */
  readonly delay?: number | undefined;
  /** Seconds that the clock jumps, backwards where negative. */
  readonly by?: number | undefined;
  /** Milliseconds of a period, half of which it is away. */
  readonly every?: number | undefined;
}
export type FaultOption = keyof FaultOptions;

/** An instance that a fault touches, with the process that was proven to be the lab's; undefined where it does not run. */
export interface TouchedInstance {
  readonly instance: PlacedInstance;
  readonly process: ProcessProof | undefined;
}

/** A host that a fault touches. */
export interface TouchedHost {
  readonly host: PlacedHost;
  /** Those that the fault touches: all of them where it is one of the host. */
  readonly instances: readonly TouchedInstance[];
}

/** What a row plans from. */
export interface FaultContext {
  /** Of this fault: eight hexadecimal digits. Names of what is made on a host carry it. */
  readonly id: string;
  readonly placement: Placement;
  /** What is touched. Of a partition: the first side. */
  readonly touched: readonly TouchedHost[];
  /** Of a partition the second side; of what cuts hosts off, all others. */
  readonly others: readonly PlacedHost[];
  /** The other side sends what is lost one way: of a partition whose first side has the clients, which have no host for the rules. @default false */
  readonly reversed?: boolean;
  /** Address of the lab's own clients, where the target gives them one. */
  readonly clients: readonly string[];
  readonly options: FaultOptions;
  /** Milliseconds after which the hosts heal themselves; undefined where nothing ends it but `heal`. */
  readonly forMs: number | undefined;
}

/** What is done on one host. Scripts of POSIX sh; in `make` and `undo` `$f` is the folder of the fault on the host. */
export interface HostPart {
  readonly host: string;
  /** Says on standard output why it can't be done here, with exit code CANNOT. Changes nothing. */
  readonly check?: string | undefined;
  readonly make: string;
  /** Can be run again, and where nothing was made. `$why` is `down` where the lab is about to be stopped: then nothing is started. Undefined where there is nothing to undo. */
  readonly undo: string | undefined;
  /** In sentences without an end. */
  readonly says: readonly string[];
}

/** Exit code of a check that refuses. */
export const CANNOT = 64;
/** Exit code of a make whose process is gone or another one. */
export const GONE = 66;
/** Exit code of a make that came after its own undo. */
export const HEALED = 65;

/** What a fault asks of a target. */
export interface TargetNeed {
  readonly has: (capabilities: TargetCapabilities) => boolean;
  /** As the end of "…: it needs". */
  readonly what: string;
}

/** What a fault asks of the lab, beyond its target. */
export interface LabNeed {
  readonly has: (lab: Lab, capabilities: TargetCapabilities) => boolean;
  /** As the end of "…: it needs". */
  readonly what: string;
}

/** A fault: one row of FAULTS. */
export interface FaultRow {
  /** What it touches: instances; whole hosts; or hosts of two sides. */
  readonly of: "instances" | "hosts" | "sides";
  /** Instances without data are none of its targets. @default false */
  readonly dataOnly?: boolean;
  readonly options: readonly FaultOption[];
  /** When the hosts heal themselves, in milliseconds, unless `--for` says another. @default only `heal` undoes it */
  readonly defaultMs?: number | undefined;
  /** Why `--for` means nothing to it. @default it does */
  readonly noDuration?: string;
  readonly needs?: TargetNeed | undefined;
  /** What can be said beforehand; the hosts have the last word. @default nothing */
  readonly needsOfLab?: LabNeed | undefined;
  /** A program of the host, beyond those that redis-lab always needs; for people. @default none */
  readonly programs?: string;
  /** How it is undone: one line, for people. */
  readonly undone: string;
  /** What it takes for itself: of faults with the same word, one can be open on an instance or host, as the undo of the first would end the second one too, or the other way about. @default nothing */
  readonly takes?: string;
  /** It outlives a start of the host. @default a start of the host ends it */
  readonly outlivesHost?: boolean;
  readonly plan: (context: FaultContext) => readonly HostPart[];
}
