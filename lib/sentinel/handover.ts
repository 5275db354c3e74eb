import { messageOf } from "../base/error.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import { barReading, type OldMaster } from "../redis/bar-reading.ts";
import { killClients, replicaOf, setMinReplicasToWrite } from "../redis/commands.ts";
import { canFence, lowerFence, raiseFence } from "../redis/fence.ts";
import { RedisReplyError, reasonUnreachable } from "../redis/reply-error.ts";
import { sentinelAddressOf, sentinelFailover } from "../redis/sentinel-commands.ts";
import { addressOf, observeServer, persistRole, serverAt } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import type { SentinelApplyOptions } from "./apply.ts";
import { failoverFailed, fenceIneffective } from "./errors.ts";
import { isUnderWay, judgeMaster, reachableServer, sentinelReportsOf } from "./master.ts";
import { observeSentinel } from "./observe.ts";
import { readinessOf } from "./readiness.ts";
import type { SentinelLayoutObservation, SentinelWanted, WatchedMaster } from "./types.ts";
import { serversOf } from "./wanted.ts";

/** How long replicas may take to read what the fenced master still has for them, and a begun failover to show itself, in milliseconds. */
const CATCH_UP_MS = 10_000;

/** One hand-over, from the fence to its removal. */
export class Handover {
  private readonly watched: WatchedMaster;
  private readonly wanted: SentinelWanted;
  private readonly access: InstanceAccess;
  private readonly options: SentinelApplyOptions;
  private readonly old: EngineInstance;
  private readonly oldMaster: OldMaster;
  private minReplicasBefore: number | undefined;
  private demoted = false;

  constructor(
    watched: WatchedMaster,
    wanted: SentinelWanted,
    access: InstanceAccess,
    options: SentinelApplyOptions,
    old: EngineInstance,
    oldMaster: OldMaster,
  ) {
    this.watched = watched;
    this.wanted = wanted;
    this.access = access;
    this.options = options;
    this.old = old;
    this.oldMaster = oldMaster;
  }

  async fence(): Promise<void> {
    const client = await this.access.client(this.old.id);
    const { version, minReplicas } = await observeServer(this.old, client);
    if (!(await canFence(client, version))) throw fenceIneffective(this.old.id);
    this.options.signal?.throwIfAborted();
    // Remembered before it is set: an answer that is lost on the way may still have fenced.
    this.minReplicasBefore = minReplicas;
    await raiseFence(client, minReplicas);
  }

  /** Every replica that a sentinel may choose must hold all that was acknowledged: a sentinel chooses by offsets that are up to ten seconds old. */
  async catchUp(): Promise<void> {
    const { offset } = await observeServer(this.old, await this.access.client(this.old.id));
    await waitFor(
      async () => {
        const observation = await this.look();
        const behind = serversOf(this.watched).filter(({ id }) => {
          const said = reachableServer(observation, id);
          return id !== this.old.id && said !== undefined && said.offset < offset;
        });
        const lost = readinessOf(observation, this.wanted, this.watched).missing;
        if (behind.length === 0 && lost.length === 0) return { done: true, value: undefined };
        return { done: false, missing: [...behind.map(({ id }) => `${id} has not read all writes`), ...lost].join("; ") };
      },
      { what: "the replicas to read all writes", timeoutMs: CATCH_UP_MS, intervalMs: 50, signal: this.options.signal },
    );
  }

  /**
   * Orders the failover and waits until every sentinel that can be reached names the new master. Refusals that pass (no good replica yet, another one in progress) are tried again.
   *
   * An order goes out only after two looks, one after the other, that show the old master in its role everywhere: SENTINEL FAILOVER names no server, and one that comes
   * after the switch would fail over the *new* master, which nobody fenced. Within a single look a slow sentinel may answer long after the servers did.
   */
  async switchOver(): Promise<EngineInstance> {
    let refusal = "";
    let nextOrder = 0;
    let before = false;
    let first: EngineInstance | undefined;
    return waitFor(
      async (): Promise<Attempt<EngineInstance>> => {
        const observation = await this.look();
        const promoted = await this.promoted(observation);
        if (promoted !== undefined) {
          // An old master that can't be reached now is tried again at the end, and holds up nothing till then.
          await this.demote(promoted).catch(reasonUnreachable);
          first ??= promoted;
          const late = sentinelReportsOf(observation, this.watched.name).filter(({ view }) => addressOf(view) !== addressOf(promoted));
          if (late.length === 0) {
            if (promoted.id !== first.id) this.tellSecondFailover(first, promoted);
            return { done: true, value: promoted };
          }
          return { done: false, missing: late.map(({ sentinel }) => `${sentinel} has not switched to ${promoted.id}`).join("; ") };
        }
        const still = this.isStillMaster(observation);
        const order = before && still && performance.now() >= nextOrder;
        before = still;
        if (order) {
          refusal = await this.order(observation);
          nextOrder = performance.now() + 500;
        }
        return { done: false, missing: refusal || "a replica has not been promoted yet" };
      },
      {
        what: `the failover of ${this.watched.name}`,
        timeoutMs: this.options.timeoutMs ?? 60_000,
        intervalMs: 50,
        signal: this.options.signal,
      },
    );
  }

  private tellSecondFailover(first: EngineInstance, then: EngineInstance): void {
    const text = `${this.watched.name}: the sentinels themselves failed over from ${first.id} to ${then.id} during the hand-over, and nothing fences that: what ${first.id} acknowledged in between may be lost.`;
    this.options.emit({ type: "notice", level: "warning", text });
  }

  /** Nothing of a failover is to be seen: every sentinel names the old master and works on none, and no other server is a master. */
  private isStillMaster(observation: SentinelLayoutObservation): boolean {
    const named = sentinelReportsOf(observation, this.watched.name).every(({ view }) => addressOf(view) === addressOf(this.old));
    return named && !isUnderWay(observation, this.watched.name) && this.otherMasters(observation).length === 0;
  }

  private otherMasters(observation: SentinelLayoutObservation): readonly EngineInstance[] {
    return serversOf(this.watched).filter(({ id }) => id !== this.old.id && reachableServer(observation, id)?.role === "master");
  }

  /** @returns the refusal, or an empty string */
  private async order(observation: SentinelLayoutObservation): Promise<string> {
    const sentinel = sentinelReportsOf(observation, this.watched.name)[0]?.sentinel;
    if (sentinel === undefined) return "no sentinel can be reached";
    try {
      const client = await this.access.client(sentinel);
      await sentinelFailover(client, this.watched.name);
      return "";
    } catch (error) {
      if (error instanceof RedisReplyError) return `${sentinel} answers ${error.message}`;
      throw error;
    }
  }

  /** The replica that a sentinel has promoted: it is a master, and a sentinel gives its address to clients. */
  private async promoted(observation: SentinelLayoutObservation): Promise<EngineInstance | undefined> {
    const masters = this.otherMasters(observation);
    if (masters.length === 0) return undefined;
    const given = await Promise.all(
      sentinelReportsOf(observation, this.watched.name).map(({ sentinel }) =>
        this.access
          .client(sentinel)
          .then((client) => sentinelAddressOf(client, this.watched.name))
          .catch((error: unknown) => {
            reasonUnreachable(error);
            return undefined;
          }),
      ),
    );
    return given.map((at) => serverAt(masters, at?.address, at?.port)).find((server) => server !== undefined);
  }

  /** What a sentinel would do to the old master ten seconds later (sentinelRefreshInstanceInfo in sentinel.c of 4.0.14). From here on it takes no writes, fence or not. */
  private async demote(master: EngineInstance): Promise<void> {
    if (this.demoted) return;
    const client = await this.access.client(this.old.id);
    if (this.oldMaster === "restarts") await barReading(client);
    await replicaOf(client, master);
    this.demoted = true;
    await killClients(client);
  }

  /**
   * Makes the old master an ordinary server again, in its file too. Only when every sentinel names another one: a CONFIG REWRITE waits for the disk (fsync), and a sentinel
   * that still takes a server for the master that does not answer for `down-after-milliseconds` would fail over a second time, by itself and with no fence.
   */
  private async settle(): Promise<void> {
    if (this.minReplicasBefore === undefined) return;
    const client = await this.access.client(this.old.id);
    if (!this.demoted) return lowerFence(client, this.minReplicasBefore);
    await setMinReplicasToWrite(client, this.minReplicasBefore);
    // Role and setting in one.
    await persistRole(client, this.old.id, this.options.emit);
  }

  async finish(master: EngineInstance): Promise<void> {
    try {
      await this.demote(master);
      await this.settle();
    } catch (error) {
      throw failoverFailed(this.watched.name, `${this.old.id} could not be made a replica: ${messageOf(error)}`, "left", error);
    }
  }

  /**
   * After an error: waits until a failover that may be under way, ordered or the sentinels' own, has come to its end, then takes the fence back, on the old master where it
   * stayed the master and else after making it a replica. Never takes the fence back under a running failover, that would lose what is written meanwhile.
   */
  async abandon(cause: unknown): Promise<unknown> {
    if (this.minReplicasBefore === undefined) return cause;
    const what = messageOf(cause).split("\n")[0]?.replace(/\.$/, "") ?? "";
    try {
      const promoted = await this.outcome();
      if (promoted !== undefined) await this.demote(promoted);
      await this.settle();
      return failoverFailed(this.watched.name, what, "lifted", cause);
    } catch (error) {
      reasonUnreachable(error);
      return failoverFailed(this.watched.name, what, "left", cause);
    }
  }

  private outcome(): Promise<EngineInstance | undefined> {
    return waitFor(
      async (): Promise<Attempt<EngineInstance | undefined>> => {
        const observation = await this.look();
        const promoted = await this.promoted(observation);
        if (promoted !== undefined) return { done: true, value: promoted };
        const verdict = judgeMaster(observation, this.watched);
        if (!isUnderWay(observation, this.watched.name) && "instance" in verdict && verdict.instance.id === this.old.id) {
          return { done: true, value: undefined };
        }
        return { done: false, missing: "the end of the failover" };
      },
      { what: "the failover to end", timeoutMs: CATCH_UP_MS, intervalMs: 100 },
    );
  }

  private look(): Promise<SentinelLayoutObservation> {
    return observeSentinel({ ...this.wanted, masters: [this.watched] }, this.access);
  }
}
