import { applyCluster } from "../cluster/apply.ts";
import { failOverMaster } from "../cluster/failover.ts";
import { openMoves } from "../cluster/journal.ts";
import { observeCluster } from "../cluster/observe.ts";
import { planCluster } from "../cluster/plan.ts";
import { proveCluster } from "../cluster/prove.ts";
import { resumeMove } from "../cluster/recover.ts";
import { isLabError } from "../error.ts";
import { applySentinel } from "../sentinel/apply.ts";
import { failOverFenced } from "../sentinel/failover.ts";
import { currentMaster } from "../sentinel/master.ts";
import { observeSentinel } from "../sentinel/observe.ts";
import { planSentinel, restartOrder } from "../sentinel/plan.ts";
import type { SentinelLayoutObservation, SentinelWanted } from "../sentinel/types.ts";
import { wantedOf } from "../sentinel/wanted.ts";
import { type Look, waitFor } from "../wait.ts";
import { moveOptions } from "./cluster/move-options.ts";
import { failoverTimes } from "./failover-times.ts";
import { clusterMembers } from "./members.ts";
import { proveSentinel } from "./prove-sentinel.ts";
import type { Session } from "./session.ts";
import type { StatusFinding } from "./status-finding.ts";

/** What an engine would do to the layout; waits are not among the actions, since they change nothing. */
export interface LayoutPlan {
  readonly actions: readonly { readonly summary: string; readonly reason: string }[];
  readonly findings: readonly StatusFinding[];
}

/** What the operations ask of a layout, whichever kind it is. */
export interface LayoutEngine {
  plan(): Promise<LayoutPlan & { readonly apply: () => Promise<void> }>;
  /** Every instance in the order in which restarting disturbs least: replicas before masters. */
  restartOrder(): Promise<readonly string[]>;
  /** Takes the role of master from an instance before it is restarted, without losing an acknowledged write. Nothing to do for others. @returns whether it was taken */
  release(instanceId: string): Promise<boolean>;
  /** Waits until a restarted instance is back in its place: loaded, and its replication caught up. */
  settled(instanceId: string): Promise<void>;
  /** Writes, reads back and deletes; one line about it. */
  prove(): Promise<string>;
}

/** Longest wait for an instance to come back, in milliseconds: loading a few GiB from disk takes minutes. */
const SETTLE_TIMEOUT_MS = 300_000;

export function layoutEngine(session: Session): LayoutEngine {
  return session.lab.layout.kind === "cluster" ? clusterEngine(session) : sentinelEngine(session);
}

function clusterEngine(session: Session): LayoutEngine {
  const { placement, access, emit, signal, state } = session;
  const members = clusterMembers(placement);
  const options = { emit, ...(signal !== undefined && { signal }), move: moveOptions(session, "up") };
  const failovers = failoverTimes(session);
  return {
    async plan() {
      const look = async () => planCluster(await observeCluster(members, access), members, { formerMembers: state.members });
      const open = await openMoves(session.paths.journalFolder);
      const plan = await look();
      return {
        actions: [
          ...open.map(({ verb, begun, open: slots }) => ({
            summary: `finish the ${verb} of ${begun}: ${slots.size} slots`,
            reason: "continue",
          })),
          ...plan.actions.filter(({ action }) => !isWait(action.kind)),
        ],
        findings: plan.findings,
        async apply() {
          for (const move of open) await resumeMove(move, members, access, options);
          // What was open is not any more, and what was planned around it is planned anew.
          await applyCluster(open.length === 0 ? plan : await look(), members, access, options);
        },
      };
    },
    async restartOrder() {
      const { nodes } = await observeCluster(members, access);
      const rank = (id: string) => {
        const node = nodes.get(id);
        return node?.reachable === true && node.role === "master" && node.knownNodes > 1 ? 1 : 0;
      };
      return members.map(({ id }) => id).sort((a, b) => rank(a) - rank(b));
    },
    async release(id) {
      const { nodes } = await observeCluster(members, access);
      const node = nodes.get(id);
      if (node === undefined || !node.reachable || node.role !== "master") return false;
      if (!node.view.some(({ masterId }) => masterId === node.nodeId))
        return warnOfOutage(emit, id, node.view.find(({ myself }) => myself)?.slots.length === 0);
      const lastFailoverAt = failovers.lastOf(id);
      const successor = await failOverMaster(id, members, access, { ...options, ...(lastFailoverAt !== undefined && { lastFailoverAt }) });
      await failovers.record([id, successor]);
      return true;
    },
    async settled(id) {
      await waitUntilSettled(id, signal, async () => {
        const node = (await observeCluster(members, access)).nodes.get(id);
        if (node === undefined || !node.reachable) return missing(node?.error ?? "no answer");
        if (node.loading) return missing("it is loading its data");
        if (node.role === "replica" && node.masterLink !== "up") return missing("it is catching up with its master");
        return node.knownNodes > 1 && node.clusterState !== "ok" ? missing("it does not see a working cluster") : found;
      });
    },
    async prove() {
      const proofs = await proveCluster(members, access);
      const redirects = proofs.reduce((sum, proof) => sum + proof.redirects.length, 0);
      return `SET and GET in each of ${proofs.length} shards, following ${redirects} MOVED: ${proofs.map(({ slot, master }) => `slot ${slot} at ${master}`).join(", ")}`;
    },
  };
}

function sentinelEngine({ placement, access, emit, signal, secrets }: Session): LayoutEngine {
  const wanted = wantedOf(placement);
  const options = { emit, secrets, ...(signal !== undefined && { signal }) };
  return {
    async plan() {
      const plan = planSentinel(await observeSentinel(wanted, access), wanted);
      return {
        actions: plan.actions.filter(({ action }) => !isWait(action.kind)),
        findings: plan.findings,
        apply: () => applySentinel(plan, wanted, access, options),
      };
    },
    async restartOrder() {
      return restartOrder(await observeSentinel(wanted, access), wanted);
    },
    async release(id) {
      const observation = await observeSentinel(wanted, access);
      const watched = wanted.masters.find(({ name }) => currentMaster(observation, wanted, name)?.id === id);
      if (watched === undefined) return false;
      // A master that no sentinel watches yet has nobody to hand its role to.
      const server = observation.servers.get(id);
      if (server?.reachable === true && server.connectedReplicas === 0) return warnOfOutage(emit, id, false);
      await failOverFenced(watched.name, wanted, access, options);
      return true;
    },
    async settled(id) {
      await waitUntilSettled(id, signal, async () => {
        const observation = await observeSentinel(wanted, access);
        if (wanted.sentinels.some((sentinel) => sentinel.id === id)) return sentinelIsBack(id, wanted, observation);
        const server = observation.servers.get(id);
        if (server === undefined || !server.reachable) return missing(server?.error ?? "no answer");
        if (server.loading) return missing("it is loading its data");
        return server.role === "replica" && server.masterLink !== "up" ? missing("it is catching up with its master") : found;
      });
    },
    async prove() {
      return proveSentinel(wanted, access);
    },
  };
}

/** A restarted sentinel is back when it has its quorum and the others have their links to it: before that, the next one must not be restarted. */
function sentinelIsBack(id: string, wanted: SentinelWanted, { sentinels }: SentinelLayoutObservation): Look<undefined> {
  const own = sentinels.get(id);
  if (own === undefined || !own.reachable) return missing(own?.error ?? "no answer");
  const outvoted = own.masters.find(({ quorumOk }) => !quorumOk);
  if (outvoted !== undefined) return missing(`${outvoted.name}: ${outvoted.quorumText}`);
  const at = wanted.sentinels.find((sentinel) => sentinel.id === id);
  const blind = [...sentinels.values()].find(
    (other) =>
      other.reachable &&
      other.id !== id &&
      other.masters.some(({ otherSentinels }) =>
        otherSentinels.some(
          ({ address, port, flags }) => address === at?.address && port === at.port && (flags.has("disconnected") || flags.has("s_down")),
        ),
      ),
  );
  return blind === undefined ? found : missing(`${blind.id} has no link to it yet`);
}

function isWait(kind: string): boolean {
  return kind.startsWith("await-");
}

function warnOfOutage(emit: Session["emit"], id: string, idle: boolean): false {
  if (!idle)
    emit({ type: "notice", level: "warning", text: `${id} is a master without a replica: its keys can't be reached while it restarts.` });
  return false;
}

const found: Look<undefined> = { done: true, value: undefined };

function missing(what: string): Look<undefined> {
  return { done: false, missing: what };
}

async function waitUntilSettled(id: string, signal: AbortSignal | undefined, look: () => Promise<Look<undefined>>): Promise<void> {
  // A connection that ended with the old process is opened anew by the next look.
  const patient = () => look().catch((error: unknown) => (isLabError(error) ? missing(error.what) : Promise.reject(error)));
  await waitFor(patient, {
    what: `${id} to be back in its place`,
    timeoutMs: SETTLE_TIMEOUT_MS,
    intervalMs: 200,
    ...(signal !== undefined && { signal }),
  });
}
