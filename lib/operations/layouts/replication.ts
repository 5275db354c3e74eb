import { LabError } from "../../base/error.ts";
import { placedInstances } from "../../lab/placement.ts";
import { proveReplication } from "../../redis/prove.ts";
import { addressOf } from "../../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../../redis/types.ts";
import { applyReplication } from "../../replication/apply.ts";
import { checkReplication } from "../../replication/check.ts";
import type { ReplicationOptions } from "../../replication/engine.ts";
import { noMaster } from "../../replication/errors.ts";
import { failOverForced } from "../../replication/forced.ts";
import { handOver } from "../../replication/hand-over.ts";
import { judgeMaster, successorOf } from "../../replication/judge.ts";
import {
  declaredServers,
  follows,
  knownServers,
  observeReplication,
  type ReplicationFinding,
  type ReplicationWanted,
  reachable,
} from "../../replication/model.ts";
import { planReplication } from "../../replication/plan.ts";
import { lastCopy } from "../errors.ts";
import type { Session } from "../session.ts";
import type { LayoutLeaveRequest, LayoutOperations } from "./row.ts";
import { endpointOf, isUnlinked, placeOf, serverIsBack, serverRow, silentPart, waitUntilSettled, warnOfOutage } from "./settle.ts";

export function replicationOperations(session: Session): LayoutOperations {
  const { placement, access, emit, signal } = session;
  const wanted = wantedOf(session);
  const options = { emit, signal };
  const observe = () => observeReplication(wanted, access);
  return {
    async status() {
      const seen = await observe();
      const byAddress = new Map(knownServers(wanted).map(({ id, address, port }) => [`${address}:${port}`, id]));
      const rows = placedInstances(placement).map((instance) => {
        const said = seen.get(instance.id);
        if (said === undefined || !said.reachable) {
          // It is known by those that follow it.
          const own = addressOf(instance);
          const followed = [...seen.values()].some((each) => each.reachable && `${each.masterAddress}:${each.masterPort}` === own);
          return { ...placeOf(instance), ...silentPart(said), ...(followed && { role: "master" as const }) };
        }
        return serverRow(instance, said, byAddress, seen);
      });
      return { rows, findings: checkReplication(seen, wanted) };
    },
    async plan() {
      const plan = planReplication(await observe(), wanted);
      return {
        actions: plan.actions.filter(({ action }) => action.kind !== "await-formed"),
        findings: plan.findings,
        apply: (restarting) => applyReplication(plan, wanted, access, options, new Set(), restarting),
      };
    },
    formation: () => `make ${declaredServers(wanted).length} servers a master and its replicas, or go on with the roles in their files`,
    async restartOrder() {
      const seen = await observe();
      const verdict = judgeMaster(seen, wanted);
      const isMaster = (server: EngineInstance) =>
        reachable(seen, server)?.role === "master" || (verdict.kind === "master" && verdict.instance.id === server.id);
      const rank = (server: EngineInstance) => (reachable(seen, server) === undefined ? 0 : isMaster(server) ? 2 : 1);
      return [...declaredServers(wanted)].sort((a, b) => rank(a) - rank(b)).map(({ id }) => id);
    },
    async unlinked() {
      const seen = await observe();
      const servers = knownServers(wanted);
      return servers.filter(({ id }) => isUnlinked(seen.get(id), seen, servers)).map(({ id }) => id);
    },
    async release(id, oldMaster) {
      const seen = await observe();
      const verdict = judgeMaster(seen, wanted);
      if (verdict.kind !== "master" || verdict.instance.id !== id) return false;
      const mayTakeOver = (server: EngineInstance) =>
        follows(reachable(seen, server), verdict.instance) || successorOf(seen, wanted, server)?.id === id;
      if (!declaredServers(wanted).some(mayTakeOver)) return warnOfOutage(emit, id, false);
      await handOver(wanted, access, options, { from: id, oldMaster });
      return true;
    },
    async settled(id) {
      await waitUntilSettled(id, signal, async () => serverIsBack((await observe()).get(id)));
    },
    async traffic() {
      const seen = await observe();
      const verdict = judgeMaster(seen, wanted);
      if (verdict.kind !== "master") throw noMaster(checkReplication(seen, wanted));
      const others = declaredServers(wanted).filter(({ id }) => id !== verdict.instance.id);
      return { client: "master", shards: [{ name: "master", master: endpointOf(verdict.instance), others: others.map(endpointOf) }] };
    },
    async prove() {
      const seen = await observe();
      const verdict = judgeMaster(seen, wanted);
      if (verdict.kind !== "master") throw noMaster(checkReplication(seen, wanted));
      const master = verdict.instance;
      const replicas = declaredServers(wanted).filter((server) => follows(reachable(seen, server), master));
      await proveReplication(master, replicas, access, signal);
      return `a key written to ${master.id}${replicas.length === 0 ? "" : `, and read at ${replicas.map(({ id }) => id).join(" and ")}`}`;
    },
    async failOver({ instance, force }) {
      return force ? failOverForced(wanted, access, options, instance) : handOver(wanted, access, options, { to: instance });
    },
    async assertNothingLeft(ids) {
      const seen = await observe();
      for (const id of ids) {
        const said = reachable(seen, { id });
        if (said?.role === "master" && said.keys > 0) throw lastCopy(id, `is a master with ${said.keys} keys`);
      }
    },
    leave: (request) => leave(session, wanted, request),
    backup: "BGSAVE, and a copy of the dump of the master",
    unknownMembers: ["foreign-master", "extra-member"] satisfies ReplicationFinding["code"][],
    departing: ["extra-member"] satisfies ReplicationFinding["code"][],
  };
}

/** The declared servers with their addresses, and those that the state remembers of hosts that are declared no more. */
function wantedOf({ placement, state }: Session): ReplicationWanted {
  const servers = placedInstances(placement);
  const places = new Set(servers.map(({ address, port }) => `${address}:${port}`));
  const former = state.members
    .map(({ address, port }): EngineInstance => ({ id: `${address}:${port}`, host: address, address, port }))
    .filter(({ id }) => !places.has(id));
  const master = servers.find(({ role }) => role.kind === "master");
  if (master === undefined) throw new Error(`the layout of ${placement.lab.name} was checked and has no master`);
  return { lab: placement.lab.name, master, replicas: servers.filter((server) => server !== master), former };
}

/** A master that leaves hands its role to a replica that stays; replicas need nothing. */
async function leave(
  { emit, signal }: Session,
  wanted: ReplicationWanted,
  { declared, leaving, access }: LayoutLeaveRequest,
): Promise<{ readonly done: readonly string[]; readonly stillKnownBy: readonly string[] }> {
  const hosts = new Set(declared.hosts.map(({ name }) => name));
  const leaves = ({ id, host }: EngineInstance) => leaving.has(id) || !hosts.has(host);
  const without = new Set(declaredServers(wanted).flatMap((server) => (leaves(server) ? [server.id] : [])));
  const continued = await finishHandOver(wanted, access, { emit, signal }, without);
  const seen = await observeReplication(wanted, access);
  const verdict = judgeMaster(seen, wanted);
  const findings = checkReplication(seen, wanted);
  const concerns = verdict.kind !== "absent" || leaving.has(verdict.instance.id);
  const [unclear] = findings.filter(({ code }) => code === "two-masters" || code === "no-master");
  if (unclear !== undefined && concerns) throw mustStay(unclear.text, unclear.next);
  const master = verdict.kind === "master" ? verdict.instance : undefined;
  const successors = declaredServers(wanted).filter(
    (server) => master !== undefined && !leaves(server) && follows(reachable(seen, server), master),
  );
  for (const id of leaving) {
    const said = reachable(seen, { id });
    if (said?.role !== "master" || said.keys === 0 || (id === master?.id && successors.length > 0)) continue;
    throw mustStay(
      `${id} is a master with ${said.keys} ${said.keys === 1 ? "key" : "keys"}, and no instance that stays replicates it.`,
      `Declare a replica that stays and run \`redis-lab up ${wanted.lab}\`, or save what is needed and empty it (\`redis-lab cli ${wanted.lab} ${id} flushall\`), then run the same command again.`,
    );
  }
  if (master === undefined || !leaving.has(master.id) || successors.length === 0) return { done: continued, stillKnownBy: [] };
  const { to } = await handOver(wanted, access, { emit, signal }, { from: master.id, without });
  return { done: [...continued, `hand over the role of master of ${master.id} to ${to}`], stillKnownBy: [] };
}

/** Ends a hand-over that an earlier leave began, and lets servers that stay join first. @returns what was done, in sentences without an end */
async function finishHandOver(
  wanted: ReplicationWanted,
  access: InstanceAccess,
  options: ReplicationOptions,
  /** Ids of the instances that leave. */
  leaving: ReadonlySet<string>,
): Promise<readonly string[]> {
  const seen = await observeReplication(wanted, access);
  const verdict = judgeMaster(seen, wanted);
  if (verdict.kind !== "master") return [];
  const { id: to } = verdict.instance;
  const unfinished = declaredServers(wanted).some((server) => {
    const said = reachable(seen, server);
    const joins = said !== undefined && server.id !== to && !leaving.has(server.id) && !follows(said, verdict.instance);
    return said?.fencedFrom !== undefined || joins;
  });
  const plan = planReplication(seen, wanted);
  // A plan that is refused has no actions; whether that keeps an instance from leaving is decided by the leave.
  if (!unfinished || plan.actions.length === 0) return [];
  await applyReplication(plan, wanted, access, options, leaving);
  return declaredServers(wanted)
    .filter((server) => leaving.has(server.id) && successorOf(seen, wanted, server)?.id === to)
    .map(({ id }) => `hand over the role of master of ${id} to ${to}`);
}

function mustStay(what: string, next: string | undefined): LabError {
  return new LabError({
    code: "replication.stays",
    kind: "refused",
    what: `${what} The host stays.`,
    next: next ?? "Look at it: redis-lab status LAB",
  });
}
