import type { FaultRequest, MadeFault } from "../../fault/types.ts";
import type { EventLine, FinalState, Writer } from "../history.ts";
import type { RoleRow } from "../scenarios/roles.ts";
import type { Observer } from "../timeline/observer.ts";

/** The load under a drill. */
export interface DrillLoadHandle {
  readonly writers: readonly Writer[];
  /** Operations that were acknowledged so far, as far as that is known. */
  readonly acknowledged: () => number;
  /** Resolves when the last operation has its outcome. */
  readonly stop: () => Promise<void>;
  /** Rejects where it broke. */
  readonly ended: Promise<unknown>;
}

/** What a drill does to a lab and asks of it: the functions of the verbs, handed in. */
export interface DrillPorts {
  readonly roles: () => Promise<readonly RoleRow[]>;
  /** Findings of `status`, as sentences; none where it is healthy. */
  readonly problems: () => Promise<readonly string[]>;
  readonly startLoad: (folder: string) => Promise<DrillLoadHandle>;
  readonly observe: (emit: (event: EventLine) => void) => Observer;
  readonly inject: (request: FaultRequest) => Promise<MadeFault>;
  /** Takes back all faults of this run. */
  readonly heal: () => Promise<void>;
  readonly start: (instances: readonly string[]) => Promise<void>;
  readonly failover: (how: "planned" | "plain", master: string) => Promise<void>;
  /** @param begun called when the first slot is on its way */
  readonly reshard: (from: string, to: string, slots: number, begun: () => void) => Promise<void>;
  readonly rollingRestart: () => Promise<void>;
  readonly up: () => Promise<void>;
  readonly set: (instance: string, setting: string, value: string) => Promise<void>;
  readonly finalState: () => Promise<FinalState>;
  /** Reads what every key of the load holds now into `final.jsonl`. */
  readonly readFinal: (folder: string) => Promise<void>;
  readonly say: (text: string) => void;
}
