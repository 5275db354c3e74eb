import { isLabError, type LabError, whatOf } from "../../base/error.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import type { Connection } from "../../connection/connection.ts";
import type { KnownKey } from "../../connection/known-hosts.ts";
import type { Vm } from "../../lab/vms.ts";
import { type ConsoleWatch, watchConsole } from "../../libvirt/console.ts";
import { type DomainState, domainState } from "../../libvirt/domains.ts";
import { vmAbsent, vmForeignKey, vmOff, vmSilent } from "../errors.ts";
import type { Reach, SessionOptions } from "../session.ts";
import { awaitCloudInit } from "./cloud-init.ts";
import { compareWithConsole } from "./console-keys.ts";

/** A login that is refused is tried again for this long: sshd of some images is up before cloud-init has made the user. Milliseconds. */
const LOGIN_PATIENCE_MS = 120_000;
/** Pause between two looks whether a VM that is waited for still runs, in milliseconds. */
const STATE_INTERVAL_MS = 15_000;
/** cloud-init may take this long after the login, whatever is left of the wait. Milliseconds. */
const SETTLE_MS = 120_000;
/** Enough for a kernel panic or an emergency shell. */
const CONSOLE_LINES = 12;

/** Faults of a connect that a booting VM shows; others do not go away by waiting. */
const PASSING = /^connection\.(refused|timeout|unreachable|dropped|no-handshake|lost)$/;

/** @throws LabError `operations.vm-absent`, `operations.vm-off` */
export function assertRuns(lab: string, vm: Vm, state: DomainState, console: string): void {
  if (state === "absent") throw vmAbsent(lab, vm.host, vm.domainName);
  if (state === "off" || state === "paused") throw vmOff(vm.host, nameOf(vm), state, console);
}

function nameOf(vm: Vm): { readonly domainName: string; readonly uri: string } {
  return { domainName: vm.domainName, uri: vm.hypervisor.uri };
}

/** The pins of one VM. */
export interface VmPins {
  keys(): Promise<readonly KnownKey[]>;
  /** Forgets them. */
  drop(): Promise<unknown>;
}

export interface AwaitedVmProps {
  readonly vm: Vm;
  /** libvirt can be asked about it. */
  readonly asked: boolean;
  /** Longest wait, in milliseconds. */
  readonly timeoutMs: number;
  readonly pins: VmPins;
  /** @default watchConsole */
  readonly watch?: typeof watchConsole;
}

/** One VM that may still be booting. */
export class AwaitedVm {
  private readonly options: Pick<SessionOptions, "lab" | "emit" | "signal">;
  private readonly vm: Vm;
  private readonly asked: boolean;
  private readonly timeoutMs: number;
  private readonly pins: VmPins;
  private readonly watch: typeof watchConsole;
  private console: ConsoleWatch | undefined;
  private waiting = false;
  private refusedSince: number | undefined;
  private nextState = 0;
  private reported = "";

  constructor(
    options: Pick<SessionOptions, "lab" | "emit" | "signal">,
    { vm, asked, timeoutMs, pins, watch = watchConsole }: AwaitedVmProps,
  ) {
    this.options = options;
    this.vm = vm;
    this.asked = asked;
    this.timeoutMs = timeoutMs;
    this.pins = pins;
    this.watch = watch;
  }

  /**
   * Connects as soon as the VM lets us in, and waits for the end of cloud-init. Says all the while what its console shows, and compares the host key with those that cloud-init writes there.
   *
   * @throws LabError `operations.vm-host-key`, `operations.vm-silent` with the end of the console, `operations.vm-off`, and those of a connect that do not pass
   */
  async reach(connect: Parameters<Reach>[1]): Promise<Connection> {
    const started = performance.now();
    this.nextState = started + STATE_INTERVAL_MS;
    let seen = "no answer.";
    try {
      const connection = await waitFor(
        async (): Promise<Attempt<Connection>> => {
          try {
            return { done: true, value: await connect({ retries: 0 }) };
          } catch (error) {
            seen = this.passing(error).what;
          }
          this.begin();
          await this.assertStillRuns();
          return { done: false, missing: seen };
        },
        {
          what: `SSH of ${this.vm.host}`,
          timeoutMs: this.timeoutMs,
          intervalMs: 1_000,
          onPending: () => this.tell(seen),
          signal: this.options.signal,
        },
      );
      if (this.waiting) this.step("boot", "unchanged");
      await this.settle(connection, this.timeoutMs - (performance.now() - started));
      await this.assertOwnKey(connection);
      return connection;
    } catch (error) {
      const silent = isLabError(error) && error.code === "wait.timeout";
      const reported = silent ? vmSilent(this.vm.host, nameOf(this.vm), Math.round(this.timeoutMs / 1000), seen, this.lastLines()) : error;
      if (this.waiting) this.step("boot", "failed", whatOf(reported).split("\n")[0] ?? "");
      throw reported;
    } finally {
      await this.console?.stop();
    }
  }

  private begin(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.step("boot", "started", "waiting for SSH");
    if (this.asked) this.console = this.watch(this.vm, { signal: this.options.signal });
  }

  private step(step: "boot" | "cloud-init", state: "started" | "unchanged" | "failed", detail?: string): void {
    this.options.emit({ type: "step", host: this.vm.host, step, state, detail });
  }

  private passing(error: unknown): LabError {
    if (!isLabError(error)) throw error;
    if (PASSING.test(error.code)) return error;
    if (error.code !== "connection.authentication-failed") throw error;
    this.refusedSince ??= performance.now();
    if (performance.now() - this.refusedSince > LOGIN_PATIENCE_MS) throw error;
    return error;
  }

  private async assertStillRuns(): Promise<void> {
    if (!this.asked || performance.now() < this.nextState) return;
    this.nextState = performance.now() + STATE_INTERVAL_MS;
    const { state } = await domainState(this.vm, { signal: this.options.signal });
    assertRuns(this.options.lab.name, this.vm, state, this.lastLines());
  }

  /** What is new: a boot is silent for long, and the same line again says nothing. */
  private tell(seen: string): void {
    const line = this.console?.last().at(-1);
    const detail = line === undefined ? `waiting for SSH: ${seen}` : `waiting for SSH; its console: ${line}`;
    if (detail !== this.reported) this.options.emit({ type: "progress", host: this.vm.host, step: "boot", detail });
    this.reported = detail;
  }

  /** The end of the console for an error; empty where there is none. */
  private lastLines(): string {
    const lines = this.console?.last().slice(-CONSOLE_LINES) ?? [];
    const trouble = this.console?.trouble();
    if (lines.length === 0) {
      if (trouble !== undefined) return `\n  Its serial console could not be listened to: ${trouble}.`;
      // It was not listened to where libvirt could not be asked.
      return this.console === undefined
        ? ""
        : "\n  Its serial console stayed silent: the image may not boot, or may not write there (console=ttyS0).";
    }
    return `\n  The end of its serial console:\n${lines.map((line) => `    ${line}`).join("\n")}`;
  }

  /** The console is the hypervisor's: no computer on the lab's network can write on it. Without a look at the boot there is nothing to compare, and the pin is that of the first contact. */
  private async assertOwnKey(connection: Connection): Promise<void> {
    const lines = this.console?.hostKeys() ?? [];
    if (lines.length === 0) return;
    const verdict = compareWithConsole(lines, await this.pins.keys());
    if (verdict.kind !== "other") return;
    await connection.close();
    await this.pins.drop();
    throw vmForeignKey(this.vm.host, nameOf(this.vm), verdict.shown, verdict.pinned);
  }

  private async settle(connection: Connection, leftMs: number): Promise<void> {
    const { lab, emit, signal } = this.options;
    const { host } = this.vm;
    const warn = (text: string) =>
      emit({
        type: "notice",
        level: "warning",
        text: `${host}: ${text}. See: redis-lab ssh ${lab.name} ${host} -- sudo cloud-init status --long`,
      });
    try {
      const end = await awaitCloudInit(connection, Math.max(leftMs, SETTLE_MS), signal, () =>
        this.step("cloud-init", "started", "waiting for its end"),
      );
      this.step("cloud-init", "unchanged");
      if (end.kind === "failed") warn(`cloud-init ended with errors: ${end.errors.join("; ")}`);
      if (end.kind === "running") warn("cloud-init has not come to its end; going on");
    } catch (error) {
      if (!isLabError(error)) {
        await connection.close();
        throw error;
      }
      // The next command connects again.
      warn(`cloud-init could not be looked at (${error.what})`);
    }
  }
}
