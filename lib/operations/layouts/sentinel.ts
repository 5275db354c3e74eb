import type { Attempt } from "../../base/wait.ts";
import { placedInstances, takesPassword } from "../../lab/placement.ts";
import { addressOf } from "../../redis/server.ts";
import { isSentinelWait } from "../../sentinel/actions.ts";
import { applySentinel } from "../../sentinel/apply.ts";
import { checkSentinel } from "../../sentinel/check.ts";
import { failOverFenced } from "../../sentinel/failover.ts";
import { allGapsOf } from "../../sentinel/formation.ts";
import { leaveSentinel } from "../../sentinel/leave.ts";
import { currentMaster, reachableServer } from "../../sentinel/master.ts";
import { observeSentinel } from "../../sentinel/observe.ts";
import { planSentinel, restartOrder } from "../../sentinel/plan.ts";
import { proveSentinel } from "../../sentinel/prove.ts";
import type { SentinelFinding, SentinelLayoutObservation, SentinelWanted } from "../../sentinel/types.ts";
import { allServers, serversOf, wantedOf } from "../../sentinel/wanted.ts";
import { lastCopy, noShards, sentinelsChoose, whichMaster } from "../errors.ts";
import type { Session } from "../session.ts";
import type { LayoutOperations, StatusRow } from "./row.ts";
import {
  endpointOf,
  found,
  isUnlinked,
  missing,
  placeOf,
  serverIsBack,
  serverRow,
  silentPart,
  waitUntilSettled,
  warnOfOutage,
} from "./settle.ts";

export function sentinelOperations(session: Session): LayoutOperations {
  const { lab, placement, access, emit, signal, secrets } = session;
  const wanted = wantedOf(placement);
  const options = { emit, secrets, signal };
  return {
    async status() {
      const observation = await observeSentinel(wanted, access);
      return { rows: rowsOf(session, observation, wanted), findings: checkSentinel(observation, wanted) };
    },
    async plan() {
      const plan = planSentinel(await observeSentinel(wanted, access), wanted);
      return {
        actions: plan.actions.filter(({ action }) => !isSentinelWait(action)),
        findings: plan.findings,
        apply: (restarting) => applySentinel(plan, wanted, access, options, restarting),
      };
    },
    formation: () => `form the sentinel layout of ${allServers(wanted).length} servers`,
    async restartOrder() {
      return restartOrder(await observeSentinel(wanted, access), wanted);
    },
    async unlinked() {
      const { servers } = await observeSentinel(wanted, access);
      return [...servers.values()].filter((said) => isUnlinked(said, servers, allServers(wanted))).map(({ id }) => id);
    },
    async release(id, oldMaster) {
      const observation = await observeSentinel(wanted, access);
      const watched = wanted.masters.find(({ name }) => currentMaster(observation, wanted, name)?.id === id);
      if (watched === undefined) return false;
      // A master that no sentinel watches yet has nobody to hand its role to.
      const server = observation.servers.get(id);
      if (server?.reachable === true && server.connectedReplicas === 0) return warnOfOutage(emit, id, false);
      await failOverFenced(watched.name, wanted, access, options, oldMaster);
      return true;
    },
    async settled(id) {
      await waitUntilSettled(id, signal, async () => {
        const observation = await observeSentinel(wanted, access);
        const back = wanted.sentinels.some((sentinel) => sentinel.id === id)
          ? sentinelIsBack(id, observation)
          : serverIsBack(observation.servers.get(id));
        return back.done ? isSeen(id, wanted, observation) : back;
      });
    },
    async traffic() {
      const observation = await observeSentinel(wanted, access);
      const shards = wanted.masters.filter(({ name }) => currentMaster(observation, wanted, name) !== undefined);
      if (shards.length === 0) throw noShards(lab.name);
      const sentinels = wanted.sentinels.map(endpointOf);
      return {
        client: "sentinel",
        sentinels,
        sentinelPassword: takesPassword(placement, "sentinel"),
        shards: shards.map(({ name }) => ({ name })),
      };
    },
    async prove() {
      return proveSentinel(wanted, access, signal);
    },
    async failOver({ instance, force }) {
      if (force) throw sentinelsChoose(lab.name, "A master that does not answer is failed over by the sentinels themselves.");
      const observation = await observeSentinel(wanted, access);
      const masters = wanted.masters.map((watched) => ({ watched, id: currentMaster(observation, wanted, watched.name)?.id }));
      const chosen = masters.filter(({ id, watched }) =>
        instance === undefined ? true : id === instance || serversOf(watched).some((server) => server.id === instance),
      );
      const [first, ...more] = chosen;
      if (first === undefined || more.length > 0)
        throw whichMaster(
          lab.name,
          masters.flatMap(({ id }) => id ?? []),
        );
      if (instance !== undefined && instance !== first.id)
        throw sentinelsChoose(
          lab.name,
          `${instance} is a replica of ${first.watched.name}, and the sentinels choose which one takes over.`,
          first.id,
        );
      return { from: first.id, to: await failOverFenced(first.watched.name, wanted, access, options) };
    },
    async assertNothingLeft(ids) {
      const observation = await observeSentinel(wanted, access);
      for (const id of ids) {
        const said = reachableServer(observation, id);
        if (said?.role === "master" && said.keys > 0) throw lastCopy(id, `is a master with ${said.keys} keys`);
      }
    },
    async leave({ declared, leaving, access: anyRoute, stop }) {
      const hosts = new Set(declared.hosts.map(({ name }) => name));
      const stays = ({ id, host }: { readonly id: string; readonly host: string }) => hosts.has(host) && !leaving.has(id);
      const masters = wanted.masters.flatMap((watched) => {
        const [master, ...replicas] = serversOf(watched).filter(stays);
        return master === undefined ? [] : [{ ...watched, master, replicas }];
      });
      const context = { declared: { masters, sentinels: wanted.sentinels.filter(stays) }, all: wanted, leaving };
      return leaveSentinel(context, anyRoute, { ...options, stop });
    },
    backup: "BGSAVE, and a copy of the dump of the master",
    unknownMembers: ["foreign-master", "ghost-replica", "ghost-sentinel"] satisfies SentinelFinding["code"][],
    departing: ["ghost-replica", "ghost-sentinel"] satisfies SentinelFinding["code"][],
  };
}

function sentinelIsBack(id: string, { sentinels }: SentinelLayoutObservation): Attempt<undefined> {
  const own = sentinels.get(id);
  if (own === undefined || !own.reachable) return missing(own?.error ?? "no answer");
  const outvoted = own.masters.find(({ quorumOk }) => !quorumOk);
  return outvoted === undefined ? found : missing(`${outvoted.name}: ${outvoted.quorumText}`);
}

/**
 * Sentinels connect to a restarted instance again within a second or two, and a restarted sentinel to all others: before that, the next one must not be restarted, and the
 * layout is not healthy. What an instance sees of a replica that has no link itself does not end by waiting for this one.
 */
function isSeen(id: string, wanted: SentinelWanted, observation: SentinelLayoutObservation): Attempt<undefined> {
  const gaps = allGapsOf(observation, wanted);
  const servers = new Set(allServers(wanted).map((server) => server.id));
  const apart = new Set(gaps.map(({ instance }) => instance).filter((instance) => servers.has(instance) && instance !== id));
  const concerns = gaps.filter(({ instance, towards }) => towards?.id === id || (instance === id && !apart.has(towards?.id ?? "")));
  return concerns.length === 0 ? found : missing(concerns.map(({ text }) => text).join(" "));
}

function rowsOf({ placement }: Session, observation: SentinelLayoutObservation, wanted: SentinelWanted): StatusRow[] {
  const byAddress = new Map(allServers(wanted).map(({ id, address, port }) => [`${address}:${port}`, id]));
  return placedInstances(placement).map((instance) => {
    if (instance.kind === "sentinel") {
      const sentinel = observation.sentinels.get(instance.id);
      if (sentinel === undefined || !sentinel.reachable) return { ...placeOf(instance), ...silentPart(sentinel), role: "sentinel" };
      return {
        ...placeOf(instance),
        role: "sentinel",
        state: "up",
        slots: "",
        slotCount: 0,
        master: sentinel.masters
          .map(({ name, address, port }) => `${name}: ${byAddress.get(`${address}:${port}`) ?? `${address}:${port}`}`)
          .join(", "),
        version: sentinel.version.text,
        note: sentinel.masters
          .map(
            ({ replicas, otherSentinels, quorumOk }) =>
              `${replicas.length} replicas, ${otherSentinels.length + 1} sentinels${quorumOk ? "" : ", no quorum"}`,
          )
          .join("; "),
      };
    }
    const server = observation.servers.get(instance.id);
    if (server === undefined || !server.reachable)
      return { ...placeOf(instance), ...silentPart(server), ...seenAs(addressOf(instance), observation, byAddress) };
    return serverRow(instance, server, byAddress, observation.servers);
  });
}

/** What most sentinels take an instance for that does not answer. */
function seenAs(
  address: string,
  { sentinels }: SentinelLayoutObservation,
  byAddress: ReadonlyMap<string, string>,
): Partial<Pick<StatusRow, "role" | "master">> {
  const views = [...sentinels.values()].flatMap((sentinel) => (sentinel.reachable ? sentinel.masters : []));
  const asMaster = views.filter((view) => addressOf(view) === address);
  const asReplica = views.filter(({ replicas }) => replicas.some((replica) => addressOf(replica) === address));
  const [first] = asReplica;
  if (first === undefined) return asMaster.length === 0 ? {} : { role: "master" };
  if (asMaster.length >= asReplica.length) return { role: "master" };
  return { role: "replica", master: byAddress.get(addressOf(first)) ?? addressOf(first) };
}
