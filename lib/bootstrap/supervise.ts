import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { workingFolder } from "../render/folders.ts";
import { mask } from "../render/mask.ts";
import { type Look, waitFor } from "../wait.ts";
import { commandFailed, lastLines, notOurProcess, startFailed, stopFailed } from "./errors.ts";
import type { HostFacts, InstanceFact, ProcessProof } from "./facts.ts";
import { buildsFolder, startRecord } from "./host-paths.ts";
import { observeHost } from "./observe.ts";
import { describeStranger, strangersOf } from "./strangers.ts";

/** Keeps the instances of one host running: the host's systemd, or daemons whose process is proven to be ours. */
export interface Supervisor {
  /** What is known of the instance's process now. */
  state(instance: PlacedInstance): Promise<InstanceFact>;
  /** Starts it and waits until it is ready; only waits when it runs already. */
  start(instance: PlacedInstance): Promise<void>;
  /** Ends it the way that saves its data (SIGTERM) and waits until it has ended. It is never killed. */
  stop(instance: PlacedInstance): Promise<void>;
  restart(instance: PlacedInstance): Promise<void>;
  /** Stops it and keeps it from starting at the next boot: its host leaves the lab. Its data stays. */
  retire(instance: PlacedInstance): Promise<void>;
}

export interface SupervisorOptions {
  /** One look whether the instance answers on its real address with `loading:0`. @default its port is open, as seen from its host */
  readonly ready?: (instance: PlacedInstance) => Promise<Look<unknown>>;
  /** Told what is being waited for. */
  readonly onProgress?: (detail: string) => void;
  /** Longest wait for an instance to be ready, in milliseconds. @default 300000 */
  readonly startTimeoutMs?: number;
  /** Longest wait for an instance to save and end, in milliseconds. @default 600000, the unit's TimeoutStopSec */
  readonly stopTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a supervisor has to know; a `HostWanted` fits. */
export interface SupervisedHost {
  readonly placement: Placement;
  readonly host: PlacedHost;
  readonly secrets: Secrets;
}

export function openSupervisor(connection: Connection, supervised: SupervisedHost, options: SupervisorOptions = {}): Supervisor {
  const common = new Common(connection, supervised, options);
  return supervised.placement.capabilities.supervisor === "systemd" ? new SystemdSupervisor(common) : new DaemonSupervisor(common);
}

/** What both supervisors need. */
class Common {
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
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(this.options.signal && { signal: this.options.signal }),
    });
  }

  async ready(instance: PlacedInstance): Promise<Look<unknown>> {
    if (this.options.ready !== undefined) return this.options.ready(instance);
    const seen = await this.connection.probe(instance.address, instance.port);
    return seen === "open"
      ? { done: true, value: seen }
      : { done: false, missing: `port ${instance.port} of ${instance.address} is ${seen}` };
  }

  /** Waits until ready; `died` says how the process ended, when it did. */
  async untilReady(instance: PlacedInstance, died: () => Promise<string | undefined>): Promise<void> {
    const look = async (): Promise<Look<unknown>> => {
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
      ...(this.options.signal && { signal: this.options.signal }),
    });
  }

  /** The end of the instance's log. Redis shows a line of its configuration when it cannot read it, so secrets are masked. */
  async log(instance: PlacedInstance, more = "true"): Promise<string> {
    const result = await this.connection.run(sh`tail -n 12 -- ${instance.logFile} 2>/dev/null; ` + more, {
      title: "read the log",
      root: true,
    });
    return mask(lastLines({ stdout: result.stdout, stderr: "" }), this.supervised.secrets);
  }

  mask(text: string): string {
    return mask(text, this.supervised.secrets);
  }
}

function factOf(facts: HostFacts, instance: PlacedInstance): InstanceFact {
  const fact = facts.instances.get(instance.id);
  if (fact === undefined) throw new Error(`${instance.id} is not on ${facts.host}`);
  return fact;
}

class SystemdSupervisor implements Supervisor {
  private readonly common: Common;

  constructor(common: Common) {
    this.common = common;
  }

  state(instance: PlacedInstance): Promise<InstanceFact> {
    return this.common.state(instance);
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
      sh`systemctl stop ${`${instance.unit}.service`}`,
      `systemctl stop ${instance.unit}`,
      timeoutMs + 30_000,
    );
    if (result.exitCode === 5) return; // There is no such unit (systemctl(1)).
    if (result.timedOut) throw stopFailed(instance.id, 0, timeoutMs / 1000, await this.common.log(instance));
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "stop", result);
  }

  async retire(instance: PlacedInstance): Promise<void> {
    const unit = `${instance.unit}.service`;
    const script = sh`if systemctl cat ${unit} >/dev/null 2>&1; then systemctl --quiet disable ${unit}; fi`;
    const result = await this.common.run(script, `systemctl disable ${unit}`);
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "stop", result);
    await this.stop(instance);
  }

  private async launch(instance: PlacedInstance, verb: "start" | "restart"): Promise<void> {
    const { common } = this;
    const unit = `${instance.unit}.service`;
    // A unit that failed too often before is not tried again without the reset.
    const result = await common.run(
      sh`systemctl reset-failed ${unit} 2>/dev/null; systemctl ${verb} ${unit}`,
      `systemctl ${verb} ${unit}`,
      700_000,
    );
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
  }
}

class DaemonSupervisor implements Supervisor {
  private readonly common: Common;

  constructor(common: Common) {
    this.common = common;
  }

  state(instance: PlacedInstance): Promise<InstanceFact> {
    return this.common.state(instance);
  }

  async start(instance: PlacedInstance): Promise<void> {
    const { common } = this;
    const { host, placement } = common.supervised;
    const facts = await common.observe();
    if (factOf(facts, instance).process === undefined) {
      const [stranger] = strangersOf(facts, placement, instance);
      if (stranger !== undefined) throw notOurProcess(instance.id, describeStranger(stranger));
      const server = `${host.paths.bin}/redis-server`;
      const options = instance.kind === "sentinel" ? ["--sentinel"] : [];
      // No pid file of an earlier process is left to be taken for this one's.
      const script = sh`umask 077; rm -f -- ${instance.pidFile} ${startRecord(host.paths, instance)}
cd ${workingFolder(host, instance)} && exec ${server} ${instance.configFile} ${options} </dev/null`;
      const result = await common.run(script, "start redis-server");
      if (result.exitCode !== 0) {
        throw startFailed(instance.id, common.mask(lastLines(result)) || "it ended at once.", await common.log(instance));
      }
    }
    const process = await this.untilProven(instance);
    await common.untilReady(instance, async () => ((await this.isAlive(process)) ? undefined : "it ended while it started."));
    await this.record(instance, process);
  }

  async stop(instance: PlacedInstance): Promise<void> {
    const { common } = this;
    const fact = await common.state(instance);
    const { process } = fact;
    const files = [instance.pidFile, startRecord(common.supervised.host.paths, instance)];
    if (process !== undefined) {
      // Looked at and signalled in one script: the number cannot pass to another process between.
      const script = sh`${SAME_PROCESS}
if same ${process.pid} ${process.start}; then kill -TERM ${process.pid}; fi`;
      const result = await common.run(script, `end process ${process.pid}`);
      if (result.exitCode !== 0 && (await this.isAlive(process))) throw commandFailed(common.connection.host, "stop", result);
      await this.untilGone(instance, process);
    }
    await common.run(sh`rm -f -- ${files}`, "remove the pid file");
  }

  async restart(instance: PlacedInstance): Promise<void> {
    await this.stop(instance);
    await this.start(instance);
  }

  /** Nobody starts a daemon at boot. */
  async retire(instance: PlacedInstance): Promise<void> {
    await this.stop(instance);
  }

  /** A daemon writes its pid file a moment after its parent has ended; a process that dies before leaves none. */
  private async untilProven(instance: PlacedInstance): Promise<ProcessProof> {
    const { common } = this;
    return waitFor(
      async (): Promise<Look<ProcessProof>> => {
        const starting = await this.ownProcesses();
        const facts = await common.observe();
        const { process } = factOf(facts, instance);
        if (process !== undefined) return { done: true, value: process };
        const others = new Set([...facts.instances.values()].map(({ process: other }) => other?.pid));
        if (!starting.some((pid) => !others.has(pid))) {
          throw startFailed(instance.id, "its process ended at once.", await common.log(instance));
        }
        return { done: false, missing: "its pid file" };
      },
      { what: `the process of ${instance.id}`, timeoutMs: 30_000, ...(common.options.signal && { signal: common.options.signal }) },
    );
  }

  private async untilGone(instance: PlacedInstance, process: ProcessProof): Promise<void> {
    const { common } = this;
    const timeoutMs = common.options.stopTimeoutMs ?? 600_000;
    const deadline = performance.now() + timeoutMs;
    await waitFor(
      async (): Promise<Look<undefined>> => {
        if (!(await this.isAlive(process))) return { done: true, value: undefined };
        if (performance.now() >= deadline)
          throw stopFailed(instance.id, process.pid, Math.round(timeoutMs / 1000), await common.log(instance));
        return { done: false, missing: `the end of process ${process.pid}` };
      },
      {
        what: `${instance.id} to end`,
        timeoutMs: timeoutMs + 1_000,
        intervalMs: 50,
        onPending: (missing) => common.options.onProgress?.(`waiting for ${missing}`),
      },
    );
  }

  private async isAlive({ pid, start }: ProcessProof): Promise<boolean> {
    const result = await this.common.run(
      sh`${SAME_PROCESS}
if same ${pid} ${start}; then echo alive; else echo gone; fi`,
      `look at process ${pid}`,
    );
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "stop", result);
    return result.stdout.trim() === "alive";
  }

  /** Processes that run a program of this host's builds. */
  private async ownProcesses(): Promise<readonly number[]> {
    const pattern = `${buildsFolder(this.common.supervised.host.paths).replaceAll(/[\\*?[\]]/g, "\\$&")}/*`;
    const result = await this.common.run(sh`find /proc/[0-9]*/exe -lname ${pattern} 2>/dev/null`, "look for processes");
    return [...result.stdout.matchAll(/^\/proc\/(\d+)\/exe$/gm)].map(([, pid]) => Number(pid));
  }

  private async record(instance: PlacedInstance, { pid, start }: ProcessProof): Promise<void> {
    const script = sh`umask 077; IFS= read -r boot < /proc/sys/kernel/random/boot_id; printf '%s %s %s\n' ${pid} ${start} "$boot" > ${startRecord(this.common.supervised.host.paths, instance)}`;
    const result = await this.common.run(script, "remember the process");
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "start", result);
  }
}

/** `same PID START`: whether this very process lives (not as a zombie). Field 22 of /proc/PID/stat, after the name in parentheses (proc(5)). */
const SAME_PROCESS = {
  rawShell: `same() {
  s=; if [ -r "/proc/$1/stat" ]; then IFS= read -r s < "/proc/$1/stat" 2>/dev/null || :; fi
  w=$2; set -- \${s##*) }
  [ "$1" != Z ] && [ "\${20}" = "$w" ]
}`,
};
