import { type Attempt, waitFor } from "../base/wait.ts";
import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { mask } from "../render/mask.ts";
import { lastLines, startFailed } from "./errors.ts";
import type { HostFacts, InstanceFact } from "./facts.ts";
import { observeHost } from "./observe.ts";
import { readStartNote } from "./start-note.ts";

/** Keeps the instances of one host running: the host's systemd, or daemons whose process is proven to be ours. */
export interface Supervisor {
  /** What is known of the instance's process now. */
  state(instance: PlacedInstance): Promise<InstanceFact>;
  /** Starts it and waits until it is ready; only waits when it runs already. */
  start(instance: PlacedInstance): Promise<void>;
  /** Ends it the way that saves its data (SIGTERM) and waits until it has ended. It is never killed. */
  stop(instance: PlacedInstance): Promise<void>;
  restart(instance: PlacedInstance): Promise<void>;
  /** Whether there is something of ours to stop: its process, or its unit where that is about to start one. */
  isToStop(instance: PlacedInstance): Promise<boolean>;
  /** Kills its process (SIGKILL), as an accident would: nothing is saved, and its pid file stays. Nothing is done where it does not run. */
  kill(instance: PlacedInstance): Promise<KillOutcome>;
  /** Stops it and keeps it from starting at the next boot: its host leaves the lab. Its data stays. */
  retire(instance: PlacedInstance): Promise<void>;
}

/** What comes after a kill. */
export interface KillOutcome {
  /** After how long the supervisor starts it again by itself, in systemd's words, for example `5s`; undefined where nothing does. */
  readonly restartsAfter: string | undefined;
}

export interface SupervisorOptions {
  /** One look whether the instance answers on its real address with `loading:0`. @default its port is open, as seen from its host */
  readonly ready?: (instance: PlacedInstance) => Promise<Attempt<unknown>>;
  /** Called with what is being waited for. */
  readonly onProgress?: (detail: string) => void;
  /** Called with what an instance decided before its start, where that was more than to start. */
  readonly onDecision?: (text: string) => void;
  /** Longest wait for an instance to be ready, in milliseconds. @default 300000 */
  readonly startTimeoutMs?: number;
  /** Longest wait for an instance to save and end, in milliseconds. @default 600000, the unit's TimeoutStopSec */
  readonly stopTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a supervisor has to know; a `HostWanted` fits. */
export interface SupervisedHost {
  readonly placement: Placement;
  readonly host: PlacedHost;
  readonly secrets: Secrets;
}

/** What both supervisors need. */
export class Common {
  readonly connection: Connection;
  readonly supervised: SupervisedHost;
  readonly options: SupervisorOptions;

  constructor(connection: Connection, supervised: SupervisedHost, options: SupervisorOptions) {
    this.connection = connection;
    this.supervised = supervised;
    this.options = options;
  }

  observe(): Promise<HostFacts> {
    return observeHost(this.connection, this.supervised.placement, this.supervised.host);
  }

  async state(instance: PlacedInstance): Promise<InstanceFact> {
    return factOf(await this.observe(), instance);
  }

  run(script: string, title: string, timeoutMs?: number) {
    return this.connection.run(script, {
      title,
      root: true,
      timeoutMs,
      signal: this.options.signal,
    });
  }

  async ready(instance: PlacedInstance): Promise<Attempt<unknown>> {
    if (this.options.ready !== undefined) return this.options.ready(instance);
    const seen = await this.connection.probe(instance.address, instance.port);
    return seen === "open"
      ? { done: true, value: seen }
      : { done: false, missing: `port ${instance.port} of ${instance.address} is ${seen}` };
  }

  /** Waits until ready; `died` says how the process ended, when it did. */
  async untilReady(instance: PlacedInstance, died: () => Promise<string | undefined>): Promise<void> {
    const look = async (): Promise<Attempt<unknown>> => {
      const seen = await this.ready(instance);
      if (seen.done) return seen;
      const end = await died();
      if (end !== undefined) throw startFailed(instance.id, end, await this.log(instance));
      return seen;
    };
    await waitFor(look, {
      what: `${instance.id} to be ready`,
      timeoutMs: this.options.startTimeoutMs ?? 300_000,
      onPending: (missing) => this.options.onProgress?.(`waiting for ${instance.id}: ${missing}`),
      signal: this.options.signal,
    });
  }

  /** The end of the instance's log. Redis shows a line of its configuration when it cannot read it, so secrets are masked. */
  async log(instance: PlacedInstance, more = "true"): Promise<string> {
    const result = await this.connection.run(sh`tail -n 12 -- ${instance.logFile} 2>/dev/null; ` + more, {
      title: "read the log",
      root: true,
      look: true,
    });
    return mask(lastLines({ stdout: result.stdout, stderr: "" }), this.supervised.secrets);
  }

  /** Tells what the script before the start decided; see `BeforeStart.note`. */
  async tellDecision(instance: PlacedInstance): Promise<void> {
    const note = await readStartNote(this.connection, this.supervised.host, instance);
    if (note !== undefined) this.options.onDecision?.(`${instance.id} ${note}`);
  }

  mask(text: string): string {
    return mask(text, this.supervised.secrets);
  }
}

export function factOf(facts: HostFacts, instance: PlacedInstance): InstanceFact {
  const fact = facts.instances.get(instance.id);
  if (fact === undefined) throw new Error(`${instance.id} is not on ${facts.host}`);
  return fact;
}
