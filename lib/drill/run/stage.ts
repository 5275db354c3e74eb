import { isLabError, whatOf } from "../../base/error.ts";
import { waitFor } from "../../base/wait.ts";
import type { MadeFault } from "../../fault/types.ts";
import { micros } from "../clock.ts";
import { noTarget } from "../errors.ts";
import type { EventLine } from "../history.ts";
import type { DrillStep } from "../scenarios/drill.ts";
import { type DrillDuration, durationMs, type LabTimes } from "../scenarios/duration.ts";
import { type Cast, resolveTargets } from "../scenarios/roles.ts";
import { UNSAID } from "../words.ts";
import type { EventLog } from "./event-log.ts";
import type { DrillPorts } from "./ports.ts";

interface StageOptions {
  readonly ports: DrillPorts;
  readonly cast: Cast;
  readonly log: EventLog;
  readonly tell: (event: Omit<EventLine, "t" | "source">, t?: number) => void;
  readonly times: LabTimes;
  readonly signal: AbortSignal | undefined;
}

/** Where the steps of a drill are played, one after the other. */
export class DrillStage {
  readonly #options: StageOptions;
  readonly #made: { readonly fault: MadeFault; readonly forMs: number | undefined }[] = [];
  /** From here on events are news of what was done last. */
  #since = 0;
  /** A reshard that goes on beside the next steps. */
  #beside: Promise<void> | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  note(text: string): void {
    this.#options.tell({ what: "note", text });
  }

  async play(step: DrillStep): Promise<void> {
    const { ports, signal, tell } = this.#options;
    signal?.throwIfAborted();
    ports.say(sentenceOf(step));
    switch (step.do) {
      case "fault":
        return this.#inject(step);
      case "heal":
        return this.#heal();
      case "start":
        return ports.start(this.#targets(step.targets));
      case "failover":
        return this.#acting(`failover, ${step.how}`, () => ports.failover(step.how, this.#options.cast.master));
      case "reshard":
        return this.#reshard(step.slots);
      case "rolling-restart":
        return this.#acting("rolling restart", () => ports.rollingRestart());
      case "up":
        await this.#heal();
        // What was on its way is brought to an end, or given up, before the lab is.
        await this.#beside;
        return ports.up();
      case "set":
        for (const instance of this.#targets(step.targets)) {
          await ports.set(instance, step.setting, step.value);
          tell({ what: "note", node: instance, text: `${step.setting} is set to ${JSON.stringify(step.value)}` });
        }
        return;
      case "wait":
        return this.#wait((event) => event.what === step.for, step.within, step.for);
      case "pause":
        return this.#wait(() => false, step.for, undefined);
      case "says":
        return this.#says(step.about, step.within);
      default:
        step satisfies never;
    }
  }

  /** What goes on beside the steps has ended, one way or the other. */
  async end(): Promise<void> {
    await this.#beside?.catch((error: unknown) => this.note(whatOf(error)));
  }

  #targets(words: readonly string[]): readonly string[] {
    const { cast, log } = this.#options;
    const elector = log.events.findLast(({ what, source, t }) => what === "election" && source !== "poll" && t >= this.#since)?.node;
    const targets = resolveTargets(words, { ...cast, elector });
    if (targets.length === 0) throw noTarget(words);
    return targets;
  }

  async #inject(step: DrillStep & { readonly do: "fault" }): Promise<void> {
    const { ports, tell } = this.#options;
    const targets = this.#targets(step.targets);
    const forMs = step.for === undefined ? undefined : this.#ms(step.for);
    const before = micros();
    const fault = await ports.inject({ fault: step.fault, targets, forMs, options: step.options });
    this.#made.push({ fault, forMs });
    this.#since = before;
    for (const touched of fault.touched)
      tell(
        {
          what: "fault",
          about: touched,
          text: `${step.fault} ${touched}${forMs === undefined ? "" : ` for ${forMs} ms`}`,
          error: fault.toMicros - fault.fromMicros,
        },
        fault.fromMicros,
      );
  }

  async #heal(): Promise<void> {
    const { ports, tell } = this.#options;
    if (this.#made.length === 0) return;
    await ports.heal();
    const now = micros();
    for (const { fault, forMs } of this.#made.splice(0)) {
      // Where the host healed itself, that was when its time was over.
      const t = forMs === undefined ? now : Math.min(now, fault.toMicros + forMs * 1_000);
      for (const touched of fault.touched) tell({ what: "fault-undone", about: touched, text: `${fault.fault} undone` }, t);
    }
  }

  async #acting(what: string, work: () => Promise<void>): Promise<void> {
    const { tell } = this.#options;
    this.#since = micros();
    tell({ what: "fault", text: what, about: this.#options.cast.master });
    await work();
    tell({ what: "fault-undone", text: `${what} is done` });
  }

  async #reshard(slots: number): Promise<void> {
    const { ports, cast } = this.#options;
    const [to] = cast.otherMasters;
    if (to === undefined) throw noTarget(["another-master"]);
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#beside = ports.reshard(cast.master, to, slots, begin).catch((error: unknown) => {
      // That it can't end while a master is gone is what this is about.
      if (!isLabError(error)) throw error;
      this.note(`the move of slots ended: ${error.what}`);
    });
    await Promise.race([begun, this.#beside]);
    this.note(`slots are on their way from ${cast.master} to ${to}`);
  }

  /** Until such an event is seen after the last fault, or the time is over. */
  async #wait(seen: (event: EventLine) => boolean, within: DrillDuration, what: string | undefined): Promise<void> {
    const { log, signal } = this.#options;
    const until = performance.now() + this.#ms(within);
    const look = async () => {
      const found = log.events.some((event) => event.t >= this.#since && event.source !== "drill" && seen(event));
      if (!found && performance.now() >= until && what !== undefined) this.note(`no "${what}" was seen within ${within}`);
      return found || performance.now() >= until
        ? { done: true as const, value: undefined }
        : { done: false as const, missing: what ?? "time" };
    };
    await waitFor(look, { what: what ?? "time", timeoutMs: this.#ms(within) + 60_000, intervalMs: 20, signal });
  }

  async #says(about: string, within: DrillDuration): Promise<void> {
    const { ports, signal } = this.#options;
    const pattern = new RegExp(about, "i");
    const until = performance.now() + this.#ms(within);
    const look = async () => {
      const said = (await ports.problems()).find((text) => pattern.test(text));
      if (said !== undefined) this.note(`status says: ${said}`);
      else if (performance.now() >= until) this.#options.tell({ what: "note", text: `${UNSAID} ${about}` });
      return said !== undefined || performance.now() >= until
        ? { done: true as const, value: undefined }
        : { done: false as const, missing: about };
    };
    await waitFor(look, { what: `status to say something of ${about}`, timeoutMs: this.#ms(within) + 60_000, intervalMs: 250, signal });
  }

  #ms(text: DrillDuration): number {
    return durationMs(text, this.#options.times) ?? 0;
  }
}

function sentenceOf(step: DrillStep): string {
  switch (step.do) {
    case "fault":
      return `${step.fault} ${step.targets.join(" ")}${step.for === undefined ? "" : ` for ${step.for}`}`;
    case "start":
      return `start ${step.targets.join(" ")}`;
    case "failover":
      return `failover, ${step.how}`;
    case "reshard":
      return `reshard of ${step.slots} slots`;
    case "set":
      return `set ${step.setting} of ${step.targets.join(" ")}`;
    case "wait":
      return `waiting for "${step.for}"`;
    case "pause":
      return `waiting for ${step.for}`;
    case "says":
      return `status has to say something of ${step.about}`;
    default:
      return step.do;
  }
}
