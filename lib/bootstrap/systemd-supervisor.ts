import { sh } from "../connection/quote.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { commandFailed, lastLines, notOurUnit, startFailed, stopFailed } from "./errors.ts";
import type { InstanceFact, UnitFact } from "./facts.ts";
import { NOT_OURS, onOwnUnit } from "./process-scripts.ts";
import type { Common, KillOutcome, Supervisor } from "./supervised.ts";

/** States of a unit in which nothing of it runs and nothing will by itself (systemctl(1)). A unit that waits for its next try is `activating`. */
const ENDED: readonly string[] = ["inactive", "failed"];

export class SystemdSupervisor implements Supervisor {
  private readonly common: Common;

  constructor(common: Common) {
    this.common = common;
  }

  state(instance: PlacedInstance): Promise<InstanceFact> {
    return this.common.state(instance);
  }

  async isToStop(instance: PlacedInstance): Promise<boolean> {
    const { unit } = await this.state(instance);
    return this.isOurs(unit) && !ENDED.includes(unit.activeState);
  }

  async start(instance: PlacedInstance): Promise<void> {
    await this.launch(instance, "start");
  }

  async restart(instance: PlacedInstance): Promise<void> {
    await this.launch(instance, "restart");
  }

  async stop(instance: PlacedInstance): Promise<void> {
    const timeoutMs = this.common.options.stopTimeoutMs ?? 600_000;
    const result = await this.common.run(
      this.onOwnUnit(instance, sh`systemctl stop ${`${instance.unit}.service`}`),
      `systemctl stop ${instance.unit}`,
      timeoutMs + 30_000,
    );
    if (result.exitCode === NOT_OURS) return;
    if (result.timedOut) throw stopFailed(instance.id, 0, timeoutMs / 1000, await this.common.log(instance));
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "stop", result);
  }

  async retire(instance: PlacedInstance): Promise<void> {
    const unit = `${instance.unit}.service`;
    const result = await this.common.run(this.onOwnUnit(instance, sh`systemctl --quiet disable ${unit}`), `systemctl disable ${unit}`);
    if (result.exitCode === NOT_OURS) return;
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "stop", result);
    await this.stop(instance);
  }

  private isOurs(unit: UnitFact | undefined): unit is UnitFact {
    return unit?.lab === this.common.supervised.placement.lab.name;
  }

  private onOwnUnit(instance: PlacedInstance, script: string): string {
    return onOwnUnit(this.common.supervised.placement.lab.name, instance.unit, script);
  }

  async kill(instance: PlacedInstance): Promise<KillOutcome> {
    const unit = `${instance.unit}.service`;
    // --kill-who: systemd 219 knows no other word, and later ones still take it.
    const script = sh`systemctl kill --kill-who=main --signal=KILL ${unit} && systemctl show --property=Restart,RestartUSec ${unit}`;
    const result = await this.common.run(this.onOwnUnit(instance, script), `systemctl kill ${unit}`);
    if (result.exitCode === NOT_OURS) throw notOurUnit(instance.id, unit);
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "kill", result);
    const unitValue = (property: string) => new RegExp(`^${property}=(.*)$`, "m").exec(result.stdout)?.[1];
    // The policies that do not answer to a signal (systemd.service(5), table of Restart=).
    const restarts = !["no", "on-success", "on-watchdog"].includes(unitValue("Restart") ?? "no");
    return { restartsAfter: restarts ? unitValue("RestartUSec") : undefined };
  }

  private async launch(instance: PlacedInstance, verb: "start" | "restart"): Promise<void> {
    const { common } = this;
    const unit = `${instance.unit}.service`;
    // A unit that failed too often before is not tried again without the reset.
    const result = await common.run(
      this.onOwnUnit(instance, sh`systemctl reset-failed ${unit} 2>/dev/null; systemctl ${verb} ${unit}`),
      `systemctl ${verb} ${unit}`,
      700_000,
    );
    if (result.exitCode === NOT_OURS) throw notOurUnit(instance.id, unit);
    const journal = sh`journalctl --unit ${unit} --lines 12 --no-pager --output cat 2>/dev/null`;
    if (result.exitCode !== 0) {
      throw startFailed(instance.id, common.mask(lastLines(result)) || "systemd gave up.", await common.log(instance, journal));
    }
    // Redis 4.0 and 5.0 say READY before they bind and load (main() in server.c of 4.0.14): that systemctl returned proves nothing.
    await common.untilReady(instance, async () => {
      const active = await common.run(sh`systemctl is-active ${unit}`, `systemctl is-active ${unit}`);
      const state = active.stdout.trim();
      return state === "active" || state === "reloading" ? undefined : `its unit is ${state}.`;
    });
    await common.tellDecision(instance);
  }
}
