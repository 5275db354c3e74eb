import { describe, expect, test } from "vitest";
import type { ReachableServer, ServerObservation } from "../../lib/redis/server.ts";
import type { EngineInstance } from "../../lib/redis/types.ts";
import { checkReplication } from "../../lib/replication/check.ts";
import { bestToForce, judgeMaster } from "../../lib/replication/judge.ts";
import type { ReplicationWanted } from "../../lib/replication/model.ts";
import { planReplication } from "../../lib/replication/plan.ts";
import { redisVersion } from "../support/versions.ts";

function instance(host: string): EngineInstance {
  return { id: `${host}:6379`, host, address: `10.0.0.${host.charCodeAt(0)}`, port: 6379 };
}
const [a, b, c, d] = [instance("a"), instance("b"), instance("c"), instance("d")];
const former: EngineInstance = { id: "10.0.0.9:6379", host: "10.0.0.9", address: "10.0.0.9", port: 6379 };
const wanted: ReplicationWanted = { lab: "lab", master: a, replicas: [b, c], former: [] };

function server(of: EngineInstance, master?: EngineInstance, more: Partial<ReachableServer> = {}): ServerObservation {
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
    streamId: master === undefined ? `of ${of.id}` : `of ${master.id}`,
    formerStreamId: undefined,
    connectedReplicas: 0,
    keys: 0,
    fencedFrom: undefined,
    minReplicas: 0,
    ...more,
  };
}
function down(of: EngineInstance): ServerObservation {
  return { id: of.id, reachable: false, error: "refused" };
}
const seen = (...servers: readonly ServerObservation[]) => new Map(servers.map((one) => [one.id, one]));

interface Case {
  readonly name: string;
  readonly seen: ReturnType<typeof seen>;
  readonly wanted?: ReplicationWanted;
  readonly master: string;
  readonly actions?: readonly string[];
  readonly findings?: readonly string[];
}

const ROLE = (id: string) => `write into the files that ${id} is the master`;
const WAIT = (id: string) => `wait until all replicas have what ${id} has`;
const CASES: readonly Case[] = [
  {
    name: "bare servers: the declared master gets its replicas",
    seen: seen(server(a), server(b), server(c)),
    master: "declared a:6379",
    actions: ["make b:6379 a replica of a:6379", "make c:6379 a replica of a:6379", WAIT("a:6379")],
    findings: ["problem replica-missing b:6379", "problem replica-missing c:6379"],
  },
  { name: "formed: nothing", seen: seen(server(a), server(b, a), server(c, a)), master: "replicas a:6379" },
  {
    name: "a master that is not the declared one is not a difference",
    seen: seen(server(a, b), server(b), server(c, b)),
    master: "replicas b:6379",
  },
  {
    name: "an empty server joins the master of now",
    seen: seen(server(a, b), server(b, undefined, { keys: 5 }), server(c)),
    master: "replicas b:6379",
    actions: ["make c:6379 a replica of b:6379", WAIT("b:6379")],
    findings: ["problem replica-missing c:6379"],
  },
  {
    name: "the declared master lost its disk: the one with data is the master",
    seen: seen(server(a), server(b, undefined, { keys: 5 }), server(c)),
    master: "data b:6379",
    actions: ["make a:6379 a replica of b:6379", "make c:6379 a replica of b:6379", WAIT("b:6379")],
    findings: ["problem replica-missing a:6379", "problem replica-missing c:6379"],
  },
  {
    name: "a replica with data of its own is not thrown away",
    seen: seen(server(a, undefined, { keys: 5 }), server(b, a), server(c, undefined, { keys: 1 })),
    master: "replicas a:6379",
    findings: ["refuses has-data c:6379"],
  },
  {
    name: "nor one beside an empty master that is replicated",
    seen: seen(server(a), server(b, a), server(c, undefined, { keys: 1 })),
    master: "replicas a:6379",
    findings: ["refuses has-data c:6379"],
  },
  {
    name: "two masters with data and no replica",
    seen: seen(server(a, undefined, { keys: 1 }), server(b, undefined, { keys: 1 }), server(c)),
    master: "several a:6379 b:6379",
    findings: ["refuses two-masters a:6379"],
  },
  {
    name: "two masters with data and a replica each",
    seen: seen(server(a, undefined, { keys: 1 }), server(b, a), server(c, undefined, { keys: 1 }), server(d, c)),
    wanted: { ...wanted, replicas: [b, c, d] },
    master: "several a:6379 c:6379",
    findings: ["refuses two-masters a:6379"],
  },
  {
    name: "emptying one of them settles it",
    seen: seen(server(a, undefined, { keys: 1 }), server(b, a), server(c), server(d, c)),
    wanted: { ...wanted, replicas: [b, c, d] },
    master: "replicas a:6379",
    actions: ["make c:6379 a replica of a:6379", "make d:6379 a replica of a:6379", WAIT("a:6379")],
    findings: ["problem replica-missing c:6379", "problem replica-missing d:6379"],
  },
  {
    name: "a replica of a replica is taken to the master",
    seen: seen(server(a), server(b, a), server(c, b)),
    master: "replicas a:6379",
    actions: ["make c:6379 a replica of a:6379", WAIT("a:6379")],
    findings: ["problem replica-missing c:6379"],
  },
  {
    name: "the master is down: nothing is done by itself",
    seen: seen(down(a), server(b, a, { masterLink: "down", offset: 7 }), server(c, a, { masterLink: "down", offset: 9 })),
    master: "absent a:6379",
    findings: ["problem unreachable a:6379", "problem no-master a:6379"],
  },
  {
    name: "a replica was promoted by hand while the master is down",
    seen: seen(down(a), server(b, undefined, { keys: 3 }), server(c, a, { masterLink: "down" })),
    master: "several b:6379 a:6379",
    findings: ["problem unreachable a:6379", "refuses two-masters b:6379"],
  },
  {
    name: "after a forced failover the old master is down",
    seen: seen(down(a), server(b, undefined, { keys: 3 }), server(c, b)),
    master: "replicas b:6379",
    findings: ["problem unreachable a:6379"],
  },
  {
    name: "a stranger is replicated",
    seen: seen(server(a), server(b, instance("x")), server(c, a)),
    master: "replicas a:6379",
    findings: ["refuses foreign-master b:6379"],
  },
  {
    name: "all replicate one another",
    seen: seen(server(a, b, { offset: 3 }), server(b, a, { offset: 8 }), server(c, a)),
    master: "circle a:6379 b:6379",
    findings: ["refuses no-master a:6379"],
  },
  {
    name: "a link that is down, and one that still synchronises",
    seen: seen(server(a), server(b, a, { masterLink: "down" }), server(c, a, { masterLink: "down", syncing: true })),
    master: "replicas a:6379",
    actions: [WAIT("a:6379")],
    findings: ["problem replica-link-down b:6379", "problem replica-link-down c:6379"],
  },
  {
    name: "a hand-over that was cut off before the promotion: the fence goes",
    seen: seen(server(a, undefined, { fencedFrom: 1, keys: 5 }), server(b, a), server(c, a)),
    master: "replicas a:6379",
    actions: ["let a:6379 take writes again"],
    findings: ["problem fenced a:6379"],
  },
  {
    name: "a fenced master beside a fresh server stays the master",
    seen: seen(server(a, undefined, { fencedFrom: 1, keys: 5 }), server(b), server(c, a)),
    master: "replicas a:6379",
    actions: ["let a:6379 take writes again", "make b:6379 a replica of a:6379", WAIT("a:6379")],
    findings: ["problem replica-missing b:6379", "problem fenced a:6379"],
  },
  {
    name: "a hand-over that was cut off after the promotion goes on",
    seen: seen(
      server(a, undefined, { fencedFrom: 0, keys: 5 }),
      server(b, undefined, { keys: 6, formerStreamId: "of a:6379" }),
      server(c, a),
    ),
    master: "hand-over b:6379",
    actions: [
      ROLE("b:6379"),
      "make a:6379 a replica of b:6379",
      "make c:6379 a replica of b:6379",
      WAIT("b:6379"),
      "let a:6379 take writes again",
    ],
    findings: ["problem replica-missing a:6379", "problem replica-missing c:6379", "problem fenced a:6379"],
  },
  {
    name: "and so does one of two servers",
    seen: seen(server(a, undefined, { fencedFrom: 0, keys: 5 }), server(b, undefined, { formerStreamId: "of a:6379" })),
    wanted: { ...wanted, replicas: [b] },
    master: "hand-over b:6379",
    actions: [ROLE("b:6379"), "make a:6379 a replica of b:6379", WAIT("b:6379"), "let a:6379 take writes again"],
    findings: ["problem replica-missing a:6379", "problem fenced a:6379"],
  },
  {
    name: "a hand-over that was cut off at the end: the fence of the old master goes",
    seen: seen(server(a, b, { fencedFrom: 0 }), server(b), server(c, b)),
    master: "replicas b:6379",
    actions: [ROLE("b:6379"), "let a:6379 take writes again"],
    findings: ["problem fenced a:6379"],
  },
  {
    name: "a fence alone does not prove that the successor has the data",
    seen: seen(
      server(a, undefined, { fencedFrom: 0, keys: 5 }),
      server(b, undefined, { keys: 6, formerStreamId: "of a:6379" }),
      server(c, undefined, { fencedFrom: 0, keys: 7 }),
    ),
    master: "hand-over b:6379",
    findings: ["problem replica-missing a:6379", "refuses has-data c:6379", "problem fenced a:6379", "problem fenced c:6379"],
  },
  {
    name: "the master's host is declared no more: its replicas stay with it until it leaves",
    seen: seen(server(a, former), server(b, former), server(c), server(former, undefined, { keys: 5 })),
    wanted: { ...wanted, former: [former] },
    master: "replicas 10.0.0.9:6379",
    actions: ["make c:6379 a replica of 10.0.0.9:6379", WAIT("10.0.0.9:6379")],
    findings: ["problem replica-missing c:6379", "problem extra-member 10.0.0.9:6379"],
  },
];

describe.each(CASES)("$name", ({ seen: observation, wanted: other = wanted, master, actions = [], findings = [] }) => {
  test("is judged, found and planned", () => {
    const verdict = judgeMaster(observation, other);
    const ids = "instances" in verdict ? verdict.instances.map(({ id }) => id).join(" ") : verdict.instance.id;
    expect(`${verdict.kind === "master" ? verdict.by : verdict.kind} ${ids}`).toBe(master);
    const plan = planReplication(observation, other);
    expect(plan.findings.map(({ severity, code, instance: id }) => `${severity} ${code} ${id}`)).toEqual(findings);
    expect(plan.actions.map(({ summary }) => summary)).toEqual(actions);
  });
});

test("the replica to force is one that follows the lost master", () => {
  const silent = { masterLink: "down" } as const;
  const best = (observation: ReturnType<typeof seen>) => bestToForce(observation, wanted, judgeMaster(observation, wanted))?.id;
  const advice = (observation: ReturnType<typeof seen>) =>
    checkReplication(observation, wanted).find(({ code }) => code === "no-master")?.next;
  const stranger = seen(down(a), server(b, a, { ...silent, offset: 7 }), server(c, instance("x"), { offset: 99 }));
  expect(best(stranger)).toBe("b:6379");
  expect(advice(stranger)).toContain("`redis-lab failover lab b:6379 --force`");
  const chain = seen(down(a), server(b, a, { ...silent, offset: 7 }), server(c, b, { offset: 99 }));
  expect(best(chain)).toBe("b:6379");
  const none = seen(down(a), server(b, instance("x")), server(c, instance("x")));
  expect(best(none)).toBeUndefined();
  expect(advice(none)).toBe("Start it: `redis-lab up lab`.");
  expect(best(seen(server(a, undefined, { keys: 1 }), server(b, a), server(c, undefined, { keys: 1 })))).toBeUndefined();
});

test("a finding names the command that helps", () => {
  const next = (observation: ReturnType<typeof seen>, code: string) =>
    checkReplication(observation, wanted).find((finding) => finding.code === code)?.next;
  const byCode = (name: string, code: string) => next(CASES.find((each) => each.name === name)!.seen, code);
  expect(byCode("a replica with data of its own is not thrown away", "has-data")).toBe(
    "Save what is needed of it, empty it: `redis-lab cli lab c:6379 flushall`, then `redis-lab up lab`.",
  );
  expect(byCode("the master is down: nothing is done by itself", "no-master")).toContain("`redis-lab failover lab c:6379 --force`");
  expect(byCode("a stranger is replicated", "foreign-master")).toContain("`redis-lab cli lab b:6379 slaveof no one`");
  expect(byCode("all replicate one another", "no-master")).toContain("`redis-lab failover lab b:6379 --force`");
  expect(byCode("a replica was promoted by hand while the master is down", "two-masters")).toContain(
    "If b:6379 is to be the master: `redis-lab failover lab b:6379 --force`.",
  );
  expect(byCode("a link that is down, and one that still synchronises", "replica-link-down")).toContain("`redis-lab doctor lab`");
});
