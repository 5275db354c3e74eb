import type { Connection } from "../connection/connection.ts";
import { isLabError, type LabError, whatOf } from "../error.ts";
import type { Vm } from "../lab/vms.ts";
import { type ConsoleWatch, watchConsole } from "../libvirt/console.ts";
import { type DomainState, domainState } from "../libvirt/domains.ts";
import { type Look, waitFor } from "../wait.ts";
import { awaitCloudInit } from "./cloud-init.ts";
import { vmAbsent, vmOff, vmSilent } from "./errors.ts";
import type { Reach, SessionOptions } from "./session.ts";

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

/** One VM that may still be booting. */
export class AwaitedVm {
  private readonly options: Pick<SessionOptions, "lab" | "emit" | "signal">;
  private readonly vm: Vm;
  /** libvirt can be asked about it. */
  private readonly asked: boolean;
  private readonly timeoutMs: number;
  private console: ConsoleWatch | undefined;
  private waiting = false;
  private refusedSince: number | undefined;
  private nextState = 0;
  private told = "";

  constructor(options: Pick<SessionOptions, "lab" | "emit" | "signal">, vm: Vm, asked: boolean, timeoutMs: number) {
    this.options = options;
    this.vm = vm;
    this.asked = asked;
    this.timeoutMs = timeoutMs;
  }

  /**
   * Connects as soon as the VM lets us in, and waits for the end of cloud-init. Says all the while what its console shows.
   *
   * @throws LabError `operations.vm-silent` with the end of the console, `operations.vm-off`, and those of a connect that do not pass
   */
  async reach(connect: Parameters<Reach>[1]): Promise<Connection> {
    const started = performance.now();
    this.nextState = started + STATE_INTERVAL_MS;
    let seen = "no answer.";
    try {
      const connection = await waitFor(
        async (): Promise<Look<Connection>> => {
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
          ...(this.options.signal !== undefined && { signal: this.options.signal }),
        },
      );
      if (this.waiting) this.step("boot", "unchanged");
      await this.settle(connection, this.timeoutMs - (performance.now() - started));
      return connection;
    } catch (error) {
      const silent = isLabError(error) && error.code === "wait.timeout";
      const told = silent ? vmSilent(this.vm.host, nameOf(this.vm), Math.round(this.timeoutMs / 1000), seen, this.lastLines()) : error;
      if (this.waiting) this.step("boot", "failed", whatOf(told).split("\n")[0] ?? "");
      throw told;
    } finally {
      await this.console?.stop();
    }
  }

  private begin(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.step("boot", "started", "waiting for SSH");
    if (this.asked) this.console = watchConsole(this.vm, { signal: this.options.signal });
  }

  private step(step: "boot" | "cloud-init", state: "started" | "unchanged" | "failed", detail?: string): void {
    this.options.emit({ type: "step", host: this.vm.host, step, state, ...(detail !== undefined && { detail }) });
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
    if (detail !== this.told) this.options.emit({ type: "progress", host: this.vm.host, step: "boot", detail });
    this.told = detail;
  }

  /** The end of the console for an error; empty where there is none. */
  private lastLines(): string {
    const lines = this.console?.last().slice(-CONSOLE_LINES) ?? [];
    const trouble = this.console?.trouble();
    if (lines.length === 0) return trouble === undefined ? "" : `\n  Its serial console could not be listened to: ${trouble}.`;
    return `\n  The end of its serial console:\n${lines.map((line) => `    ${line}`).join("\n")}`;
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
      // The next command connects anew.
      warn(`cloud-init could not be looked at (${error.what})`);
    }
  }
}
