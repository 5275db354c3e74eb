import { checkCluster } from "../cluster/check.ts";
import { observeCluster } from "../cluster/observe.ts";
import { formatRanges } from "../cluster/slots.ts";
import type { ClusterObservation } from "../cluster/types.ts";
import { placedInstances } from "../lab/placement.ts";
import { checkSentinel } from "../sentinel/check.ts";
import { observeSentinel } from "../sentinel/observe.ts";
import type { SentinelLayoutObservation, SentinelWanted } from "../sentinel/types.ts";
import { wantedOf } from "../sentinel/wanted.ts";
import { clusterMembers } from "./members.ts";
import type { Session } from "./session.ts";
import type { StatusFinding } from "./status-finding.ts";

/** One instance in a status. */
export interface StatusRow {
  readonly host: string;
  readonly instance: string;
  readonly address: string;
  readonly role: "master" | "replica" | "standby" | "sentinel" | "unknown";
  readonly state: "up" | "down" | "loading";
  /** Slot ranges of a cluster master, for example `0-5460`; empty elsewhere. */
  readonly slots: string;
  readonly slotCount: number;
  /** Instance id (or address, for a stranger) of the master of a replica; for a sentinel what it watches. */
  readonly master: string;
  readonly version: string;
  /** Why an instance is down, or what else there is to say. */
  readonly note: string;
}

/** What `status` reports: the layout as its instances see it now. */
export interface Status {
  readonly lab: string;
  readonly target: string;
  readonly layout: "cluster" | "sentinel";
  readonly declaredVersion: string;
  readonly healthy: boolean;
  readonly rows: readonly StatusRow[];
  readonly findings: readonly StatusFinding[];
}

/** Observes the layout and tells it row by row. Healthy: no finding that is a problem. */
export async function readStatus(session: Session): Promise<Status> {
  const { lab, target } = session;
  const common = { lab: lab.name, target, layout: lab.layout.kind, declaredVersion: lab.redis.version };
  if (lab.layout.kind === "cluster") {
    const members = clusterMembers(session.placement);
    const observation = await observeCluster(members, session.access);
    const findings = checkCluster(observation, members, { formerMembers: session.state.members });
    return { ...common, healthy: isHealthy(findings), rows: clusterRows(session, observation), findings };
  }
  const wanted = wantedOf(session.placement);
  const observation = await observeSentinel(wanted, session.access);
  const findings = checkSentinel(observation, wanted);
  return { ...common, healthy: isHealthy(findings), rows: sentinelRows(session, observation, wanted), findings };
}

function isHealthy(findings: readonly StatusFinding[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}

function clusterRows(session: Session, observation: ClusterObservation): StatusRow[] {
  const byNodeId = new Map([...observation.nodes.values()].flatMap((node) => (node.reachable ? [[node.nodeId, node.id] as const] : [])));
  return placedInstances(session.placement).map((instance) => {
    const common = { host: instance.host, instance: instance.id, address: `${instance.address}:${instance.port}` };
    const node = observation.nodes.get(instance.id);
    if (node === undefined || !node.reachable) return { ...common, ...DOWN, note: node?.error ?? "" };
    const own = node.view.find(({ myself }) => myself);
    const slots = own?.slots ?? [];
    const alone = node.knownNodes === 1 && slots.length === 0;
    return {
      ...common,
      role: alone ? "standby" : node.role,
      state: node.loading ? "loading" : "up",
      slots: formatRanges(slots),
      slotCount: slots.reduce((sum, { first, last }) => sum + last - first + 1, 0),
      master: own?.masterId === undefined ? "" : (byNodeId.get(own.masterId) ?? own.masterId),
      version: node.version,
      note: alone && instance.role.kind !== "standby" ? "not joined" : "",
    };
  });
}

function sentinelRows(session: Session, observation: SentinelLayoutObservation, wanted: SentinelWanted): StatusRow[] {
  const byAddress = new Map(
    wanted.masters.flatMap(({ master, replicas }) => [master, ...replicas]).map(({ id, address, port }) => [`${address}:${port}`, id]),
  );
  return placedInstances(session.placement).map((instance) => {
    const common = { host: instance.host, instance: instance.id, address: `${instance.address}:${instance.port}` };
    if (instance.kind === "sentinel") {
      const sentinel = observation.sentinels.get(instance.id);
      if (sentinel === undefined || !sentinel.reachable) return { ...common, ...DOWN, role: "sentinel", note: sentinel?.error ?? "" };
      return {
        ...common,
        role: "sentinel",
        state: "up",
        slots: "",
        slotCount: 0,
        master: sentinel.masters
          .map(({ name, address, port }) => `${name}: ${byAddress.get(`${address}:${port}`) ?? `${address}:${port}`}`)
          .join(", "),
        version: sentinel.version,
        note: sentinel.masters
          .map(
            ({ replicas, otherSentinels, quorumOk }) =>
              `${replicas.length} replicas, ${otherSentinels.length + 1} sentinels${quorumOk ? "" : ", no quorum"}`,
          )
          .join("; "),
      };
    }
    const server = observation.servers.get(instance.id);
    if (server === undefined || !server.reachable) return { ...common, ...DOWN, note: server?.error ?? "" };
    const master = `${server.masterAddress}:${server.masterPort}`;
    return {
      ...common,
      role: server.role,
      state: server.loading ? "loading" : "up",
      slots: "",
      slotCount: 0,
      master: server.role === "master" ? "" : (byAddress.get(master) ?? master),
      version: server.version,
      note: server.role === "replica" && server.masterLink !== "up" ? "link to its master is down" : "",
    };
  });
}

const DOWN = { role: "unknown", state: "down", slots: "", slotCount: 0, master: "", version: "" } as const;
