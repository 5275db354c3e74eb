import { type Attempt, waitFor } from "../base/wait.ts";
import type { Connection } from "../connection/connection.ts";
import { raw, sh } from "../connection/quote.ts";
import { beforeStartOf } from "../lab/before-start.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { commandFailed, lastLines, notOurProcess, startFailed, stopFailed } from "./errors.ts";
import type { InstanceFact, ProcessProof } from "./facts.ts";
import { describeListener, foreignListenersOf } from "./foreign-listeners.ts";
import { startRecord } from "./host-paths.ts";
import { ownServers } from "./own-servers.ts";
import { planEndScript, SAME_PROCESS, startDaemonScript } from "./process-scripts.ts";
import { Common, factOf, type KillOutcome, type SupervisedHost, type Supervisor, type SupervisorOptions } from "./supervised.ts";
import { SystemdSupervisor } from "./systemd-supervisor.ts";

export function openSupervisor(connection: Connection, supervised: SupervisedHost, options: SupervisorOptions = {}): Supervisor {
  const common = new Common(connection, supervised, options);
  return supervised.placement.capabilities.supervisor === "systemd" ? new SystemdSupervisor(common) : new DaemonSupervisor(common);
}

class DaemonSupervisor implements Supervisor {
  private readonly common: Common;

  constructor(common: Common) {
    this.common = common;
  }

  state(instance: PlacedInstance): Promise<InstanceFact> {
    return this.common.state(instance);
  }

  async isToStop(instance: PlacedInstance): Promise<boolean> {
    return (await this.state(instance)).process !== undefined;
  }

  async start(instance: PlacedInstance): Promise<void> {
    const { common } = this;
    const { host, placement } = common.supervised;
    const facts = await common.observe();
    if (factOf(facts, instance).process === undefined) {
      const [listener] = foreignListenersOf(facts, placement, instance);
      if (listener !== undefined) throw notOurProcess(instance.id, describeListener(listener));
      await this.decide(instance);
      const result = await common.run(startDaemonScript(placement, host, instance), `start ${placement.version.product.programs.server}`);
      if (result.exitCode !== 0) {
        throw startFailed(instance.id, common.mask(lastLines(result)) || "it ended at once.", await common.log(instance));
      }
    }
    const process = await this.untilProven(instance);
    await common.untilReady(instance, async () => ((await this.isAlive(process)) ? undefined : "it ended while it started."));
    await this.record(instance, process);
    await common.tellDecision(instance);
  }

  /** What the unit of a managed host does before each start. */
  private async decide(instance: PlacedInstance): Promise<void> {
    const { common } = this;
    const files = beforeStartOf(common.supervised.host, instance);
    if (files === undefined) return;
    const result = await common.connection.run(sh`sh ${files.script}`, {
      title: `look at the replicas of ${instance.id}`,
      timeoutMs: 300_000,
      onLine: (line) => common.options.onProgress?.(`${instance.id}: ${line.replace(/^redis-lab: /, "")}`),
      signal: common.options.signal,
    });
    if (result.exitCode !== 0) throw startFailed(instance.id, common.mask(lastLines(result)), await common.log(instance));
  }

  async stop(instance: PlacedInstance): Promise<void> {
    const { common } = this;
    const fact = await common.state(instance);
    const { process } = fact;
    const files = [instance.pidFile, startRecord(common.supervised.host.paths, instance)];
    if (process !== undefined) {
      // Looked at and signalled in one script: the number cannot pass to another process between.
      const planned = raw(planEndScript(common.supervised.host, instance));
      const script = sh`${SAME_PROCESS}
if same ${process.pid} ${process.start}; then ${planned}kill -TERM ${process.pid}; fi`;
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

  async kill(instance: PlacedInstance): Promise<KillOutcome> {
    const { common } = this;
    const { process } = await common.state(instance);
    if (process !== undefined) {
      const script = sh`${SAME_PROCESS}
if same ${process.pid} ${process.start}; then kill -KILL ${process.pid}; fi`;
      const result = await common.run(script, `kill process ${process.pid}`);
      if (result.exitCode !== 0 && (await this.isAlive(process))) throw commandFailed(common.connection.host, "kill", result);
      await this.untilGone(instance, process);
    }
    return { restartsAfter: undefined };
  }

  /** Nobody starts a daemon at boot. */
  async retire(instance: PlacedInstance): Promise<void> {
    await this.stop(instance);
  }

  /** A daemon writes its pid file a moment after its parent has ended; a process that dies before leaves none. */
  private async untilProven(instance: PlacedInstance): Promise<ProcessProof> {
    const { common } = this;
    return waitFor(
      async (): Promise<Attempt<ProcessProof>> => {
        const starting = await ownServers(common.connection, common.supervised.placement, common.supervised.host);
        const facts = await common.observe();
        const { process } = factOf(facts, instance);
        if (process !== undefined) return { done: true, value: process };
        const others = new Set([...facts.instances.values()].map(({ process: other }) => other?.pid));
        if (!starting.some(({ pid }) => !others.has(pid))) {
          throw startFailed(instance.id, "its process ended at once.", await common.log(instance));
        }
        return { done: false, missing: "its pid file" };
      },
      { what: `the process of ${instance.id}`, timeoutMs: 30_000, signal: common.options.signal },
    );
  }

  private async untilGone(instance: PlacedInstance, process: ProcessProof): Promise<void> {
    const { common } = this;
    const timeoutMs = common.options.stopTimeoutMs ?? 600_000;
    const deadline = performance.now() + timeoutMs;
    await waitFor(
      async (): Promise<Attempt<undefined>> => {
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
        signal: common.options.signal,
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

  private async record(instance: PlacedInstance, { pid, start, boot }: ProcessProof): Promise<void> {
    const record = startRecord(this.common.supervised.host.paths, instance);
    const script = sh`umask 077; printf '%s %s %s\n' ${pid} ${start} ${boot} > ${`${record}.new`} && mv -f -- ${`${record}.new`} ${record}`;
    const result = await this.common.run(script, "remember the process");
    if (result.exitCode !== 0) throw commandFailed(this.common.connection.host, "start", result);
  }
}
