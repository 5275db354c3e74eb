import { addressOf } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { checkSentinel, differingSettings, isMember } from "./check.ts";
import { gapsOf } from "./formation.ts";
import { isUnderWay, judgeMaster, reachableServer } from "./master.ts";
import type {
  PlannedSentinelAction,
  SentinelLayoutObservation,
  SentinelOption,
  SentinelPlan,
  SentinelWanted,
  WatchedMaster,
} from "./types.ts";
import { serversOf } from "./wanted.ts";

/**
 * What to do so that the layout is formed as declared. Pure; no actions when nothing is to be done, or when a finding refuses.
 *
 * Roles are given only to servers that no sentinel knows for the name: what became of the others is the sentinels' business, and so a failover, finished or
 * under way, is never undone. Instances that can't be reached are left out and are findings.
 */
export function planSentinel(observation: SentinelLayoutObservation, wanted: SentinelWanted): SentinelPlan {
  const findings = checkSentinel(observation, wanted);
  if (findings.some(({ severity }) => severity === "refuses")) return { actions: [], findings };
  const parts = wanted.masters.map((watched) => planOne(observation, wanted, watched));
  return {
    actions: [
      ...parts.flatMap(({ replicate }) => replicate),
      ...parts.flatMap(({ watch }) => watch),
      ...parts.flatMap(({ settle }) => settle),
    ],
    findings,
  };
}

interface Part {
  readonly replicate: readonly PlannedSentinelAction[];
  readonly watch: readonly PlannedSentinelAction[];
  readonly settle: readonly PlannedSentinelAction[];
}

function planOne(observation: SentinelLayoutObservation, wanted: SentinelWanted, watched: WatchedMaster): Part {
  const verdict = judgeMaster(observation, watched);
  if (!("instance" in verdict)) return { replicate: [], watch: [], settle: [] };
  const master = verdict.instance;
  const replicate = planReplicas(observation, watched, master, verdict.kind === "declared");
  const watch = wanted.sentinels.flatMap((sentinel) => planWatch(observation, watched, master, sentinel, verdict.kind === "sentinels"));
  const fences = planFences(observation, watched, master);
  const waits = replicate.length + watch.length > 0 || gapsOf(observation, wanted, watched, verdict).length > 0;
  const reason = watch.some(({ action }) => action.kind === "monitor") ? "create" : replicate.length > 0 ? "join" : "continue";
  return {
    replicate: [...fences.before, ...replicate],
    watch,
    settle: [
      ...(waits
        ? [
            {
              action: { kind: "await-formed" as const, name: watched.name },
              reason: reason as PlannedSentinelAction["reason"],
              summary: `wait until every sentinel sees all of ${watched.name}`,
            },
          ]
        : []),
      ...fences.after,
    ],
  };
}

function planReplicas(
  observation: SentinelLayoutObservation,
  watched: WatchedMaster,
  master: EngineInstance,
  fresh: boolean,
): PlannedSentinelAction[] {
  if (reachableServer(observation, master.id)?.role !== "master") return [];
  const servers = serversOf(watched).filter(({ id }) => id !== master.id);
  const failing = isUnderWay(observation, watched.name);
  const promoted = servers.some(
    (server) => reachableServer(observation, server.id)?.role === "master" && isMember(observation, watched, server),
  );
  return servers.flatMap((server): PlannedSentinelAction[] => {
    const said = reachableServer(observation, server.id);
    if (said === undefined || (said.role === "replica" && said.masterAddress === master.address && said.masterPort === master.port))
      return [];
    const member = isMember(observation, watched, server);
    // A member that is a master was promoted just now, or came back: the sentinels settle both. One that follows another server may be on its way there.
    if (member && (failing || promoted || said.role === "master")) return [];
    return [
      {
        action: { kind: "replicate", instance: server.id, master: master.id },
        reason: fresh ? "create" : member ? "continue" : "join",
        summary: `make ${server.id} a replica of ${master.id}`,
      },
    ];
  });
}

function planWatch(
  observation: SentinelLayoutObservation,
  watched: WatchedMaster,
  master: EngineInstance,
  sentinel: EngineInstance,
  sentinelsDecide: boolean,
): PlannedSentinelAction[] {
  const said = observation.sentinels.get(sentinel.id);
  if (!said?.reachable) return [];
  const view = said.masters.find(({ name }) => name === watched.name);
  const set = (option: SentinelOption, value: number, reason: "create" | "setting") => ({
    action: { kind: "set" as const, sentinel: sentinel.id, name: watched.name, option, value },
    reason,
    summary: `set ${option} ${value} of ${watched.name} on ${sentinel.id}`,
  });
  // Where the sentinels decide, one that names another master learns better from the others by itself.
  if (view === undefined || (!sentinelsDecide && addressOf(view) !== addressOf(master))) {
    return [
      {
        action: { kind: "monitor", sentinel: sentinel.id, name: watched.name, master: master.id, quorum: watched.quorum },
        reason: "create",
        summary: `watch ${master.id} as ${watched.name} on ${sentinel.id}, quorum ${watched.quorum}`,
      },
      set("down-after-milliseconds", watched.downAfterMs, "create"),
      set("parallel-syncs", watched.parallelSyncs, "create"),
      set("failover-timeout", watched.failoverTimeoutMs, "create"),
    ];
  }
  return differingSettings(view, watched).map((one) => set(one.option, one.wanted, "setting"));
}

/** A fence on the master is taken back at once, one on a server that lost the role when it follows the new master. */
function planFences(observation: SentinelLayoutObservation, watched: WatchedMaster, master: EngineInstance) {
  const failing = isUnderWay(observation, watched.name);
  const lifts = serversOf(watched).flatMap((server) => {
    const said = reachableServer(observation, server.id);
    if (said?.fencedFrom === undefined) return [];
    return [
      {
        server: server.id,
        planned: {
          action: { kind: "lift-fence" as const, instance: server.id, minReplicas: said.fencedFrom },
          reason: "continue" as const,
          summary: `let ${server.id} take writes again`,
        },
      },
    ];
  });
  const now = (server: string) => server === master.id && !failing;
  return {
    before: lifts.filter(({ server }) => now(server)).map(({ planned }): PlannedSentinelAction => planned),
    after: lifts.filter(({ server }) => !now(server)).map(({ planned }): PlannedSentinelAction => planned),
  };
}

/**
 * The order in which to restart the instances one by one: replicas before their master (which first hands its role over, `failOverFenced`), the sentinels last.
 * An instance that can't be reached comes first of its kind: its restart disturbs nobody.
 */
export function restartOrder(observation: SentinelLayoutObservation, wanted: SentinelWanted): readonly string[] {
  const unreachableFirst = (ids: readonly string[], reachable: (id: string) => boolean | undefined) => [
    ...ids.filter((id) => !reachable(id)),
    ...ids.filter((id) => reachable(id)),
  ];
  return [
    ...wanted.masters.flatMap((watched) => {
      const verdict = judgeMaster(observation, watched);
      const master = "instance" in verdict ? verdict.instance.id : watched.master.id;
      const isMaster = (id: string) => id === master || reachableServer(observation, id)?.role === "master";
      const ids = serversOf(watched).map(({ id }) => id);
      const replicas = ids.filter((id) => !isMaster(id));
      return [
        ...unreachableFirst(replicas, (id) => observation.servers.get(id)?.reachable),
        ...ids.filter((id) => isMaster(id) && id !== master),
        master,
      ];
    }),
    ...unreachableFirst(
      wanted.sentinels.map(({ id }) => id),
      (id) => observation.sentinels.get(id)?.reachable,
    ),
  ];
}
