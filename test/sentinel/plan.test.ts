import { describe, expect, test } from "vitest";
import type { ReachableServer, ServerObservation } from "../../lib/redis/server.ts";
import type { EngineInstance } from "../../lib/redis/types.ts";
import { checkSentinel } from "../../lib/sentinel/check.ts";
import { currentMaster } from "../../lib/sentinel/master.ts";
import { planSentinel, restartOrder } from "../../lib/sentinel/plan.ts";
import { readinessOf } from "../../lib/sentinel/readiness.ts";
import type { SentinelLayoutObservation, SentinelObservation, SentinelView, SentinelWanted } from "../../lib/sentinel/types.ts";
import { redisVersion } from "../support/versions.ts";

type Server = ReachableServer;
type Sentinel = Extract<SentinelObservation, { reachable: true }>;

function instance(host: string, port: number): EngineInstance {
  return { id: `${host}:${port}`, host, address: `10.0.0.${host.charCodeAt(0)}`, port };
}
const [a, b, c] = [instance("a", 6379), instance("b", 6379), instance("c", 6379)];
const sentinels = ["a", "b", "c"].map((host) => instance(host, 26379));
const wanted: SentinelWanted = {
  sentinels,
  masters: [{ name: "m", master: a, replicas: [b, c], quorum: 2, downAfterMs: 10_000, parallelSyncs: 1, failoverTimeoutMs: 180_000 }],
};

function server(of: EngineInstance, master?: EngineInstance, more: Partial<Server> = {}): Server {
  return {
    id: of.id,
    reachable: true,
    version: redisVersion("4.0.14"),
    role: master === undefined ? "master" : "replica",
    masterAddress: master?.address,
    masterPort: master?.port,
    masterLink: master === undefined ? undefined : "up",
    syncing: false,
    loading: false,
    offset: 100,
    streamId: "",
    formerStreamId: undefined,
    connectedReplicas: 0,
    keys: 0,
    fencedFrom: undefined,
    minReplicas: 0,
    ...more,
  };
}

function view(at: EngineInstance, master: EngineInstance, more: Partial<SentinelView> = {}): SentinelView {
  return {
    name: "m",
    address: master.address,
    port: master.port,
    flags: new Set(["master"]),
    quorum: 2,
    downAfterMs: 10_000,
    parallelSyncs: 1,
    failoverTimeoutMs: 180_000,
    configEpoch: 0,
    replicas: [a, b, c]
      .filter(({ id }) => id !== master.id)
      .map(({ address, port }) => ({
        address,
        port,
        flags: new Set(["replica"]),
        link: "up",
        follows: `${master.address}:${master.port}`,
      })),
    otherSentinels: sentinels
      .filter(({ id }) => id !== at.id)
      .map(({ address, port, host }) => ({ address, port, runId: host.repeat(40), flags: new Set(["sentinel"]) })),
    quorumOk: true,
    quorumText: "OK",
    ...more,
  };
}

function sentinel(at: EngineInstance, views: readonly SentinelView[]): Sentinel {
  return { id: at.id, reachable: true, version: redisVersion("4.0.14"), myId: at.host.repeat(40), masters: views };
}

function observation(servers: readonly ServerObservation[], seen: readonly SentinelObservation[]): SentinelLayoutObservation {
  return { servers: new Map(servers.map((one) => [one.id, one])), sentinels: new Map(seen.map((one) => [one.id, one])) };
}

const gone = (of: EngineInstance) => ({ id: of.id, reachable: false as const, error: "refused" });
const nobodyWatches = sentinels.map((one) => sentinel(one, []));
const watching = (master: EngineInstance, more: Partial<SentinelView> = {}) =>
  sentinels.map((one) => sentinel(one, [view(one, master, more)]));
const formed = [server(a), server(b, a), server(c, a)];

interface Case {
  readonly what: string;
  readonly seen: SentinelLayoutObservation;
  readonly master: string | undefined;
  /** `replicate b a`, `monitor a`, `set a quorum 3`, `await`, `lift a` */
  readonly actions: readonly string[];
  readonly refuses?: readonly string[];
  readonly problems?: readonly string[];
}

const monitors = ["a", "b", "c"].flatMap((host) => [
  `monitor ${host}`,
  `set ${host} down-after-milliseconds 10000`,
  `set ${host} parallel-syncs 1`,
  `set ${host} failover-timeout 180000`,
]);

const cases: readonly Case[] = [
  { what: "formed: nothing", seen: observation(formed, watching(a)), master: "a", actions: [], problems: [] },
  {
    what: "fresh: the declared master",
    seen: observation([server(a), server(b), server(c)], nobodyWatches),
    master: "a",
    actions: ["replicate b a", "replicate c a", ...monitors, "await"],
  },
  {
    what: "fresh, redis.conf carried the roles",
    seen: observation(formed, nobodyWatches),
    master: "a",
    actions: [...monitors, "await"],
  },
  {
    what: "fresh, a declared replica has keys",
    seen: observation([server(a), server(b, undefined, { keys: 3 }), server(c)], nobodyWatches),
    master: "a",
    actions: [],
    refuses: ["has-data"],
  },
  {
    what: "fresh, the declared master has keys",
    seen: observation([server(a, undefined, { keys: 3 }), server(b), server(c)], nobodyWatches),
    master: "a",
    actions: ["replicate b a", "replicate c a", ...monitors, "await"],
  },
  {
    what: "no sentinel watches, others replicate b",
    seen: observation([server(a), server(b), server(c, b)], nobodyWatches),
    master: "b",
    actions: ["replicate a b", ...monitors, "await"],
  },
  {
    what: "no sentinel watches, a stranger is replicated",
    seen: observation([server(a), server(b, instance("z", 6379)), server(c)], nobodyWatches),
    master: undefined,
    actions: [],
    refuses: ["foreign-master"],
  },
  {
    what: "a failover happened: it stays",
    seen: observation([server(a, b), server(b), server(c, b)], watching(b, { configEpoch: 1 })),
    master: "b",
    actions: [],
    problems: [],
  },
  {
    what: "a failover happened, the old master came back as a master with keys",
    seen: observation([server(a, undefined, { keys: 9 }), server(b), server(c, b)], watching(b, { configEpoch: 1 })),
    master: "b",
    actions: ["await"],
    problems: ["two-masters", "replica-missing"],
  },
  {
    what: "a failover under way: the promoted replica is left alone",
    seen: observation(
      [server(a), server(b), server(c, a)],
      watching(a, { configEpoch: 0, flags: new Set(["master", "failover_in_progress"]) }),
    ),
    master: "a",
    actions: ["await"],
  },
  {
    what: "a first failover under way, and the old master is back as a replica: no sentinel is set up again",
    seen: observation(
      [server(a, b), server(b), server(c, b)],
      sentinels.map((one, index) =>
        sentinel(one, [view(one, a, index === 0 ? { flags: new Set(["master", "failover_in_progress"]) } : {})]),
      ),
    ),
    master: "a",
    actions: ["await"],
  },
  {
    what: "the highest epoch counts, not the majority",
    seen: observation(
      [server(a, b), server(b), server(c, b)],
      sentinels.map((one, index) => sentinel(one, [index === 0 ? view(one, b, { configEpoch: 2 }) : view(one, a, { configEpoch: 1 })])),
    ),
    master: "b",
    actions: ["await"],
  },
  {
    what: "sentinels set up again beside servers that were failed over",
    seen: observation([server(a, b), server(b), server(c, b)], watching(a)),
    master: "b",
    actions: [...monitors, "await"],
  },
  {
    what: "the sentinels watch a stranger",
    seen: observation(formed, watching(instance("z", 6379), { configEpoch: 3 })),
    master: undefined,
    actions: [],
    refuses: ["foreign-master"],
  },
  {
    what: "one sentinel is new",
    seen: observation(formed, [...watching(a).slice(0, 2), nobodyWatches[2]!]),
    master: "a",
    actions: [...monitors.slice(8), "await"],
  },
  {
    what: "settings differ",
    seen: observation(formed, watching(a, { quorum: 1, downAfterMs: 5 })),
    master: "a",
    actions: [...["a", "b", "c"].flatMap((host) => [`set ${host} quorum 2`, `set ${host} down-after-milliseconds 10000`]), "await"],
  },
  {
    what: "a replica of the wrong declared server, known to the sentinels",
    seen: observation([server(a), server(b, a), server(c, b)], watching(a, { configEpoch: 4 })),
    master: "a",
    actions: ["replicate c a", "await"],
  },
  {
    what: "a host that can't be reached is a finding, not a wait",
    seen: observation([server(a), server(b, a), gone(c)], [...watching(a).slice(0, 2), gone(sentinels[2]!)]),
    master: "a",
    actions: [],
    problems: ["unreachable", "unreachable"],
  },
  {
    what: "the master can't be reached: the sentinels' business",
    seen: observation([gone(a), server(b, a, { masterLink: "down" }), server(c, a, { masterLink: "down" })], watching(a)),
    master: "a",
    actions: [],
    problems: ["unreachable"],
  },
  {
    what: "a fence was left on the master",
    seen: observation([server(a, undefined, { fencedFrom: 1 }), server(b, a), server(c, a)], watching(a)),
    master: "a",
    actions: ["lift a 1"],
    problems: ["fenced"],
  },
  {
    what: "a fence was left on the master before",
    seen: observation([server(a, undefined, { fencedFrom: 0, keys: 5 }), server(b), server(c, b)], watching(b, { configEpoch: 1 })),
    master: "b",
    actions: ["await", "lift a 0"],
    problems: ["two-masters", "replica-missing", "fenced"],
  },
  {
    what: "two sentinels with one id",
    seen: observation(formed, [...watching(a).slice(0, 2), { ...watching(a)[2]!, myId: "a".repeat(8) }]),
    master: "a",
    actions: [],
    refuses: ["same-sentinel-id"],
  },
];

describe("planning a sentinel layout", () => {
  test.each(cases)("$what", ({ seen, master, actions, refuses, problems }) => {
    const plan = planSentinel(seen, wanted);
    expect(currentMaster(seen, wanted, "m")?.host).toBe(master);
    expect(plan.actions.map(({ action }) => short(action))).toEqual(actions);
    const codes = (severity: string) => plan.findings.filter((one) => one.severity === severity).map(({ code }) => code);
    expect(codes("refuses")).toEqual(refuses ?? []);
    if (problems !== undefined) expect(codes("problem")).toEqual(problems);
  });

  test("restarts go to the replicas, then the master, then the sentinels", () => {
    const seen = observation([server(a, b), server(b), gone(c)], watching(b, { configEpoch: 1 }));
    expect(restartOrder(seen, wanted)).toEqual(["c:6379", "a:6379", "b:6379", "a:26379", "b:26379", "c:26379"]);
  });

  test("ghosts are found, declared instances are none", () => {
    const ghost = { address: "10.9.9.9", port: 26379, runId: "f".repeat(40), flags: new Set(["s_down", "sentinel"]) };
    const lost = { address: "10.9.9.9", port: 6379, flags: new Set(["s_down", "replica"]), link: "down" as const, follows: undefined };
    const base = view(sentinels[0]!, a);
    const seen = observation(formed, [
      sentinel(sentinels[0]!, [{ ...base, otherSentinels: [...base.otherSentinels, ghost], replicas: [...base.replicas, lost] }]),
      ...watching(a).slice(1),
    ]);
    expect(checkSentinel(seen, wanted).map(({ code, instance }) => `${code} ${instance}`)).toEqual([
      "ghost-sentinel a:26379",
      "ghost-replica a:26379",
    ]);
    expect(planSentinel(seen, wanted).actions).toEqual([]);
  });

  test("a planned failover waits for each thing that could lose a write", () => {
    const missing = (servers: readonly ServerObservation[], seen: readonly SentinelObservation[]) =>
      readinessOf(observation(servers, seen), wanted, wanted.masters[0]!).missing;
    expect(missing(formed, watching(a))).toEqual([]);
    expect(missing([server(a), server(b, a), server(c, a, { masterLink: "down" })], watching(a))).toEqual([
      "c:6379 does not follow a:6379 with its link up",
    ]);
    // Unreachable from here, but a sentinel may still choose it.
    expect(missing([server(a), server(b, a), gone(c)], watching(a))).toHaveLength(1);
    expect(missing(formed, watching(a, { quorumOk: false, quorumText: "NOQUORUM" }))).toHaveLength(3);
    expect(missing([server(a), gone(b), gone(c)], watching(a))).toContain("no replica follows the master");
    expect(missing(formed, nobodyWatches)).toEqual(["the sentinels name no master"]);
  });
});

function short(action: ReturnType<typeof planSentinel>["actions"][number]["action"]): string {
  const host = (id: string) => id.split(":")[0];
  switch (action.kind) {
    case "replicate":
      return `replicate ${host(action.instance)} ${host(action.master)}`;
    case "monitor":
      return `monitor ${host(action.sentinel)}`;
    case "set":
      return `set ${host(action.sentinel)} ${action.option} ${action.value}`;
    case "await-formed":
      return "await";
    case "lift-fence":
      return `lift ${host(action.instance)} ${action.minReplicas}`;
  }
}
