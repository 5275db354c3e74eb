import { type Drill, type DrillExpectation, defineDrill } from "../drill.ts";

// What happens to a master.

// Without sentinels nothing takes the place of a master that is gone: `master-until-started` is the drill of that layout.
const ELECTED = ["cluster", "sentinel"] as const;
const FAIL_OVER = { do: "wait", for: "promoted", within: "6timeout+60s" } as const;
/** Other sentinels hear of a new master by the hello of the one that made it, every two seconds: who comes back before is taken for the master by some of them, and loses what it is sent. */
const HEARD_BY_ALL = { do: "pause", for: "6s" } as const;

/** A cluster may need a second election, which comes 4 × node-timeout after the first. */
const OUTAGE: readonly DrillExpectation[] = [
  {
    layouts: ["cluster"],
    expect: "failovers=1,gap<6timeout+10s",
    why: "out for the node timeout and one election; a second one, where the survivors learn of the failure too late, comes four time-outs later",
    source: "cluster.c clusterHandleSlaveFailover, 4.0.14 and 7.4.1; measured: two of 21 runs",
  },
  {
    layouts: ["sentinel"],
    expect: "failovers=1,gap<2timeout+20s",
    why: "out for down-after and one election",
    source: "sentinel.c, 4.0.14 and 7.4.1; measured: down-after + 0.6 s",
  },
];

/** Replication is asynchronous: what no replica has yet goes with the master. */
const ASYNCHRONOUS: DrillExpectation = {
  expect: "lost=any,stale=any,backwards=any,counters=any,phantom=any",
  why: "replication is asynchronous: what no replica had yet goes with the master",
  source: "cluster-spec, Write safety; redis docs, sentinel.md",
};

export const MASTER_DRILLS: readonly Drill[] = [
  defineDrill({
    name: "master-stop",
    about: "a master is stopped gracefully (SIGTERM), as at a shutdown of its host",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "stop", targets: ["master"] }, FAIL_OVER, HEARD_BY_ALL],
    expect: [
      ...OUTAGE,
      { ...ASYNCHRONOUS, why: "up to 6.2 it ends at once, and its replicas may be behind", source: "redis.conf 7.2.6:1532; redis#9693" },
      {
        since: "7.0",
        expect: "lost=0,stale=any,backwards=any,counters=0",
        why: "from 7.0 on it waits up to ten seconds for its replicas (shutdown-timeout)",
        source: "redis.conf 7.2.6:1532",
      },
    ],
  }),
  defineDrill({
    name: "master-kill",
    about: "a master is killed (SIGKILL)",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "kill", targets: ["master"] }, FAIL_OVER, HEARD_BY_ALL],
    expect: [...OUTAGE, ASYNCHRONOUS],
  }),
  defineDrill({
    name: "master-until-started",
    about: "a master is killed where nothing watches it: writes are refused until it is started again by hand",
    given: { layouts: ["replication"] },
    fault: [
      { do: "fault", fault: "kill", targets: ["master"] },
      { do: "pause", for: "3s" },
    ],
    recover: [{ do: "start", targets: ["master"] }, { do: "up" }],
    expect: [
      {
        expect: "failovers=0,gap>3s,lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "without sentinels nothing elects, and what was not saved yet is gone from its replicas as well once they follow it again",
        source: "redis docs, replication.md, Safety of replication when master has persistence turned off",
      },
    ],
  }),
  defineDrill({
    name: "master-back-at-once",
    about: "a master that was stopped comes back at the moment at which another one has its place",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "stop", targets: ["master"] }, FAIL_OVER],
    expect: [
      ...OUTAGE,
      {
        ...ASYNCHRONOUS,
        why: "sentinels that have not heard of the new master yet still send clients to the old one, which takes writes until it is made a replica, eight seconds later or more",
        source: "sentinel.c 4.0.14:2190, 7.4.1:2685; measured: 159 of 4,400 writes with Redis 7.0.15",
      },
      {
        layouts: ["cluster"],
        expect: "lost=any,stale=any",
        why: "a node of a cluster hears of the new epoch before it serves again (two seconds)",
        source: "cluster.c, CLUSTER_WRITABLE_DELAY",
      },
    ],
  }),
  defineDrill({
    name: "master-hang-short",
    about: "a master stands still for less than the time-out (SIGSTOP)",
    given: { layouts: ELECTED },
    fault: [
      { do: "fault", fault: "hang", targets: ["master"], for: "0.4timeout" },
      { do: "wait", for: "promoted", within: "0.5timeout" },
    ],
    expect: [
      {
        expect: "failovers=0,lost=0,gap<1.5timeout+2s,counters=0",
        why: "nobody is given up before the time-out is over, and a process that stands still forgets nothing",
        source: "cluster.c clusterCron; sentinel.c sentinelCheckSubjectivelyDown, 4.0.14",
      },
    ],
  }),
  defineDrill({
    name: "master-hang-long",
    about: "a master stands still for longer than the time-out (SIGSTOP), is replaced, and wakes up",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "hang", targets: ["master"], for: "6timeout+60s" }, FAIL_OVER, { do: "pause", for: "1s" }],
    expect: [
      ...OUTAGE,
      {
        layouts: ["cluster"],
        expect: "lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "on waking it may answer a few commands before it hears that it was replaced",
        source: "inferred; the cluster tests of 4.0.14 (05) stop masters so",
      },
      {
        layouts: ["sentinel"],
        expect: "lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "the sentinels wait for 8 s of a sane state before they make it a replica: what it takes until then is acknowledged and thrown away",
        source: "sentinel.c 4.0.14:2190, 7.4.1:2685",
      },
    ],
  }),
  defineDrill({
    name: "two-masters",
    about: "two of three masters are killed at once: no majority is left",
    given: { layouts: ["cluster"] },
    fault: [
      { do: "fault", fault: "kill", targets: ["masters-majority"] },
      { do: "wait", for: "promoted", within: "3timeout" },
    ],
    // They come back where they were, and nothing may have been promoted meanwhile.
    recover: [{ do: "start", targets: ["masters-majority"] }, { do: "up" }],
    expect: [
      {
        expect: "failovers<=2,lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "masters elect, and a minority of them can't: no failover as long as both are gone (by hand: CLUSTER FAILOVER TAKEOVER)",
        source: "redis#2989, #1868, #3624; tests/cluster/tests/11-manual-takeover.tcl",
      },
    ],
  }),
  defineDrill({
    name: "master-and-its-replica",
    about: "a master and all of its replicas are killed at once: its slots are lost, and come back with them",
    given: { layouts: ELECTED },
    fault: [
      { do: "fault", fault: "kill", targets: ["master", "its-replicas"] },
      { do: "wait", for: "failed", within: "3timeout" },
    ],
    recover: [{ do: "start", targets: ["master"] }, { do: "up" }],
    expect: [
      {
        expect: "lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "what was not saved yet is nowhere: it goes back to the last save",
        source: "redis docs, persistence.md",
      },
    ],
  }),
  defineDrill({
    name: "replica-restarted-while-master-dead",
    about: "a replica is restarted while its master is dead: it never spoke to it, and is not promoted",
    given: { layouts: ["cluster"] },
    fault: [
      { do: "fault", fault: "kill", targets: ["master", "its-replicas"] },
      { do: "start", targets: ["its-replicas"] },
      { do: "wait", for: "promoted", within: "4timeout" },
    ],
    recover: [{ do: "start", targets: ["master"] }, { do: "up" }],
    expect: [
      {
        expect: "failovers=0,lost=any,stale=any,backwards=any,counters=any,phantom=any",
        why: "its link counts as down since ever, so its data as too old, though all of it is on its disk",
        source: "server.c 4.0.14:1471, cluster.c 4.0.14:2913-2936; the same in 7.4.1",
      },
    ],
  }),
  defineDrill({
    name: "flapping",
    about: "a master stands still again and again, each time for less than the time-out",
    given: { layouts: ELECTED },
    fault: [0, 1, 2, 3].flatMap(() => [
      { do: "fault", fault: "hang", targets: ["master"], for: "0.3timeout" } as const,
      { do: "wait", for: "promoted", within: "0.7timeout" } as const,
    ]),
    expect: [
      {
        expect: "failovers=0,lost=0,counters=0",
        why: "each answer in time takes the suspicion back",
        source: "cluster.c clusterCron, 4.0.14",
      },
    ],
  }),
];
