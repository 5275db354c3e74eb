import { saveFindings } from "../redis/health.ts";
import { addressOf, serverAt } from "../redis/server.ts";
import { gapsOf } from "./formation.ts";
import { judgeMaster, type MasterVerdict, reachableServer, sentinelReportsOf } from "./master.ts";
import type { SentinelFinding, SentinelLayoutObservation, SentinelOption, SentinelView, SentinelWanted, WatchedMaster } from "./types.ts";
import { allServers, serversOf } from "./wanted.ts";

/** Everything that is not as declared, or not healthy. Pure. A layout that is formed and whole has no findings. */
export function checkSentinel(observation: SentinelLayoutObservation, wanted: SentinelWanted): readonly SentinelFinding[] {
  return [
    ...unreachable(observation, wanted),
    ...[...observation.servers.values()].flatMap((one) => (one.reachable ? saveFindings(one.id, one.health) : [])),
    ...sameIds(observation),
    ...wanted.masters.flatMap((watched) => checkOne(observation, wanted, watched)),
    ...inExcess(observation, wanted),
  ];
}

function checkOne(observation: SentinelLayoutObservation, wanted: SentinelWanted, watched: WatchedMaster): SentinelFinding[] {
  const verdict = judgeMaster(observation, watched);
  return [
    ...refusals(observation, wanted, watched, verdict),
    ...gapsOf(observation, wanted, watched, verdict).map(
      ({ code, instance, text }): SentinelFinding => ({ code, severity: "problem", instance, text }),
    ),
    ...sentinelReportsOf(observation, watched.name).flatMap(({ sentinel, view }) => [
      ...settingFindings(sentinel, view, watched),
      ...ghosts(sentinel, view, wanted, watched),
    ]),
    ...fences(observation, watched),
  ];
}

function unreachable(observation: SentinelLayoutObservation, wanted: SentinelWanted): SentinelFinding[] {
  const at = new Map([...allServers(wanted), ...wanted.sentinels].map((each) => [each.id, addressOf(each)]));
  return [...observation.servers.values(), ...observation.sentinels.values()].flatMap((one): SentinelFinding[] => {
    if (one.reachable) return [];
    const text = `${one.id} can't be reached: ${one.error.replace(/[.]$/, "")}.${othersSay(observation, at.get(one.id))}`;
    return [{ code: "unreachable", severity: "problem", instance: one.id, text, next: one.next ?? "`redis-lab up LAB` starts it." }];
  });
}

/** How many of the sentinels that answer take an address for down. */
function othersSay({ sentinels }: SentinelLayoutObservation, address: string | undefined): string {
  const flags = [...sentinels.values()].flatMap((sentinel) => {
    if (!sentinel.reachable) return [];
    const lines = sentinel.masters
      .flatMap((view) => [view, ...view.replicas, ...view.otherSentinels])
      .filter((each) => addressOf(each) === address);
    return lines.length === 0 ? [] : [new Set(lines.flatMap((line) => [...line.flags]))];
  });
  const having = (flag: string) => flags.filter((each) => each.has(flag)).length;
  const [subjectively, objectively] = [having("s_down"), having("o_down")];
  if (subjectively === 0) return "";
  return ` ${subjectively} of ${flags.length} sentinels that know it take it for down (SDOWN)${objectively > 0 ? `, ${objectively} objectively (ODOWN)` : ""}.`;
}

function refusals(
  observation: SentinelLayoutObservation,
  wanted: SentinelWanted,
  watched: WatchedMaster,
  verdict: MasterVerdict,
): SentinelFinding[] {
  switch (verdict.kind) {
    case "foreign": {
      const ours = allServers(wanted).find((server) => addressOf(server) === verdict.address);
      return [
        {
          code: "foreign-master",
          severity: "refuses",
          instance: verdict.by,
          text: `${verdict.by} takes ${verdict.address} for the master of ${watched.name}; ${ours === undefined ? "that is not an instance of the lab" : `the lab declares ${ours.id} elsewhere`}.`,
          next: `Declare that server among the instances of ${watched.name}, or make ${verdict.by} forget it (SENTINEL REMOVE ${watched.name} on a sentinel, REPLICAOF NO ONE on a server).`,
        },
      ];
    }
    case "several": {
      const ids = verdict.instances.map(({ id }) => id);
      return [
        {
          code: "two-masters",
          severity: "refuses",
          instance: ids[0],
          text: `${ids.join(" and ")} are both masters with replicas, and no sentinel says which is the one of ${watched.name}.`,
          next: "Decide which data to keep and make the other server its replica by hand.",
        },
      ];
    }
    default:
      return serversOf(watched)
        .filter(({ id }) => id !== verdict.instance.id)
        .flatMap(({ id, address, port }) => strangerFindings(observation, wanted, watched, { id, address, port }, verdict.instance.id));
  }
}

function strangerFindings(
  observation: SentinelLayoutObservation,
  wanted: SentinelWanted,
  watched: WatchedMaster,
  server: { readonly id: string; readonly address: string; readonly port: number },
  master: string,
): SentinelFinding[] {
  const said = reachableServer(observation, server.id);
  if (said === undefined) return [];
  if (said.role === "replica") {
    if (serverAt(allServers(wanted), said.masterAddress, said.masterPort) !== undefined) return [];
    return [
      {
        code: "foreign-master",
        severity: "refuses",
        instance: server.id,
        text: `${server.id} replicates ${said.masterAddress}:${said.masterPort}, which is not an instance of the lab.`,
        next: `Take it out of that replication (REPLICAOF NO ONE, FLUSHALL) if it may join ${watched.name}.`,
      },
    ];
  }
  if (said.keys === 0) return [];
  // A member that came back: the sentinels decided already that it becomes a replica.
  if (isMember(observation, watched, server) || said.fencedFrom !== undefined) {
    return [
      {
        code: "two-masters",
        severity: "problem",
        instance: server.id,
        text: `${server.id} is still a master beside ${master}; the sentinels make it a replica within some seconds.`,
      },
    ];
  }
  return [
    {
      code: "has-data",
      severity: "refuses",
      instance: server.id,
      text: `${server.id} is a master with ${said.keys} key(s) and is declared as a replica of ${master}, which would throw them away.`,
      next: `Save or flush the data of ${server.id} (FLUSHALL), or declare it as the master.`,
    },
  ];
}

/** Whether some sentinel knows the server as a replica of the name. */
export function isMember(
  observation: SentinelLayoutObservation,
  watched: WatchedMaster,
  server: { readonly address: string; readonly port: number },
): boolean {
  return sentinelReportsOf(observation, watched.name).some(({ view }) =>
    view.replicas.some(({ address, port }) => address === server.address && port === server.port),
  );
}

/** The settings of a view that differ from the declared ones. */
export function differingSettings(
  view: SentinelView,
  watched: WatchedMaster,
): readonly { readonly option: SentinelOption; readonly is: number; readonly wanted: number }[] {
  const all = [
    { option: "quorum" as const, is: view.quorum, wanted: watched.quorum },
    { option: "down-after-milliseconds" as const, is: view.downAfterMs, wanted: watched.downAfterMs },
    { option: "parallel-syncs" as const, is: view.parallelSyncs, wanted: watched.parallelSyncs },
    { option: "failover-timeout" as const, is: view.failoverTimeoutMs, wanted: watched.failoverTimeoutMs },
  ];
  return all.filter((one) => one.is !== one.wanted);
}

function settingFindings(sentinel: string, view: SentinelView, watched: WatchedMaster): SentinelFinding[] {
  return differingSettings(view, watched).map(({ option, is, wanted }) => ({
    code: "setting-differs",
    severity: "problem",
    instance: sentinel,
    text: `${option} of ${watched.name} is ${is} on ${sentinel}, declared is ${wanted}.`,
  }));
}

/** Sentinels never forget an instance by themselves; a forgotten one still counts as a voter when a majority is needed. */
function ghosts(sentinel: string, view: SentinelView, wanted: SentinelWanted, watched: WatchedMaster): SentinelFinding[] {
  const next = `Send SENTINEL RESET ${watched.name} to the sentinels one after the other, 30 seconds apart, while the master and all replicas are up.`;
  const state = (flags: ReadonlySet<string>) => (flags.has("s_down") || flags.has("disconnected") ? "down" : "up");
  return [
    ...view.otherSentinels
      .filter((other) => serverAt(wanted.sentinels, other.address, other.port) === undefined)
      .map(
        (other): SentinelFinding => ({
          code: "ghost-sentinel",
          severity: "problem",
          instance: sentinel,
          text: `${sentinel} counts a sentinel ${addressOf(other)} (id ${other.runId.slice(0, 8)}…, ${state(other.flags)}) for ${watched.name} that is not of the lab.`,
          next,
        }),
      ),
    ...view.replicas
      .filter((replica) => serverAt(serversOf(watched), replica.address, replica.port) === undefined)
      .map(
        (replica): SentinelFinding => ({
          code: "ghost-replica",
          severity: "problem",
          instance: sentinel,
          text: `${sentinel} knows a replica ${addressOf(replica)} of ${watched.name} (${state(replica.flags)}) that the lab does not declare; it may be promoted.`,
          next,
        }),
      ),
  ];
}

/** Two sentinels with one id see each other as themselves: the copy of a folder with its `myid` makes them. */
function sameIds(observation: SentinelLayoutObservation): SentinelFinding[] {
  const seen = new Map<string, string>();
  const findings: SentinelFinding[] = [];
  for (const one of observation.sentinels.values()) {
    if (!one.reachable || one.myId === "") continue;
    const key = one.myId.slice(0, 8);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, one.id);
    else {
      findings.push({
        code: "same-sentinel-id",
        severity: "refuses",
        instance: one.id,
        text: `${one.id} and ${first} have the same id ${key}…, so neither sees the other.`,
        next: `Stop the sentinel ${one.id}, delete the line "sentinel myid" from its configuration, and start it again.`,
      });
    }
  }
  return findings;
}

function fences(observation: SentinelLayoutObservation, watched: WatchedMaster): SentinelFinding[] {
  return serversOf(watched)
    .filter(({ id }) => reachableServer(observation, id)?.fencedFrom !== undefined)
    .map(({ id }) => ({
      code: "fenced",
      severity: "problem",
      instance: id,
      text: `${id} refuses writes: a planned failover was interrupted.`,
      next: "Run `redis-lab up LAB`: it puts the setting back.",
    }));
}

function inExcess(observation: SentinelLayoutObservation, wanted: SentinelWanted): SentinelFinding[] {
  const names = new Set(wanted.masters.map(({ name }) => name));
  return [...observation.sentinels.values()].flatMap((sentinel) =>
    (sentinel.reachable ? sentinel.masters : [])
      .filter(({ name }) => !names.has(name))
      .map(
        (view): SentinelFinding => ({
          code: "watched-in-excess",
          severity: "note",
          instance: sentinel.id,
          text: `${sentinel.id} also watches ${view.name} (${addressOf(view)}), which the lab does not declare.`,
          next: `SENTINEL REMOVE ${view.name} on ${sentinel.id}, if it is not needed.`,
        }),
      ),
  );
}
