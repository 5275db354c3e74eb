import { type Drill, defineDrill } from "../drill.ts";

// What happens to replicas and sentinels, and what people do on purpose.

const ALL = ["cluster", "sentinel", "replication"] as const;
const NOTHING_FELT = "failovers=0,lost=0,counters=0,gap<timeout+5s";
const ASYNCHRONOUS = "lost=any,stale=any,backwards=any,counters=any,phantom=any";

export const OTHER_DRILLS: readonly Drill[] = [
  defineDrill({
    name: "replica-kill",
    about: "a replica is killed: its master goes on, and sends it what it missed",
    given: { layouts: ALL },
    fault: [
      { do: "fault", fault: "kill", targets: ["its-replica"] },
      { do: "wait", for: "failed", within: "2timeout" },
    ],
    expect: [
      {
        layouts: ["cluster", "sentinel"],
        expect: NOTHING_FELT,
        why: "replicas take no part in writes",
        source: "redis docs, replication.md",
      },
      {
        layouts: ["replication"],
        expect: "failovers=0,lost=0,counters=0",
        why: "replicas take no part in writes",
        source: "redis docs, replication.md",
      },
    ],
  }),
  defineDrill({
    name: "sentinel-kill",
    about: "a sentinel is killed: the others watch on",
    given: { layouts: ["sentinel"], sentinels: 2 },
    fault: [
      { do: "fault", fault: "kill", targets: ["sentinel"] },
      { do: "pause", for: "1timeout" },
    ],
    expect: [{ expect: NOTHING_FELT, why: "sentinels take no part in reads and writes", source: "redis docs, sentinel.md" }],
  }),
  defineDrill({
    name: "sentinel-leader-kill",
    about: "a master is killed, and then the sentinel that asks for votes to replace it",
    given: { layouts: ["sentinel"], sentinels: 3 },
    fault: [
      { do: "fault", fault: "kill", targets: ["master"] },
      { do: "wait", for: "election", within: "2timeout+60s" },
      { do: "fault", fault: "kill", targets: ["elector"] },
      { do: "wait", for: "promoted", within: "3failover+2timeout+60s" },
    ],
    expect: [
      {
        expect: `failovers>=1,${ASYNCHRONOUS}`,
        why: "another sentinel finishes it, once the time for a failover (failover-timeout, twice) is over; or it had come far enough",
        source: "sentinel.c 4.0.14:3182; tests/sentinel/tests/05-manual.tcl, SIMULATE-FAILURE",
      },
    ],
  }),
  defineDrill({
    name: "sentinel-majority-gone",
    about: "most sentinels are gone when a master dies: no failover, and it is said; it heals when they are back",
    given: { layouts: ["sentinel"], sentinels: 3 },
    fault: [
      { do: "fault", fault: "kill", targets: ["sentinels-majority"] },
      { do: "says", about: "quorum|majority|sentinel", within: "60s" },
      { do: "fault", fault: "kill", targets: ["master"] },
      { do: "wait", for: "promoted", within: "3timeout" },
    ],
    // The master first: with the sentinels back and the master away they would replace it, which is right and another drill.
    recover: [{ do: "start", targets: ["master"] }, { do: "up" }],
    expect: [
      {
        expect: `failovers=0,${ASYNCHRONOUS}`,
        why: "a failover needs the votes of a majority, whatever the quorum is",
        source: "tests/sentinel/tests/00-base.tcl of 4.0.14; redis docs, sentinel.md",
      },
    ],
  }),
  defineDrill({
    name: "planned-failover",
    about: "the role of a master is handed over on purpose, fenced",
    given: { layouts: ALL },
    fault: [{ do: "failover", how: "planned" }],
    expect: [
      {
        expect: "failovers=1,lost=0,counters=0,stale=any,backwards=any,gap<20s",
        why: "the old master refuses writes until the new one has all of them",
        source: "cluster.c, manual failover; redis-lab failover",
      },
    ],
  }),
  defineDrill({
    name: "planned-failover-plain",
    about: "SENTINEL FAILOVER alone, which does not fence: what the old master still takes is lost",
    given: { layouts: ["sentinel"] },
    fault: [
      { do: "failover", how: "plain" },
      { do: "wait", for: "demoted", within: "60s" },
    ],
    expect: [
      {
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "the old master goes on acknowledging writes of connected clients for some eleven seconds, and all of them are lost",
        source: "redis#6062, #13118; measured: about 2,200 of 200 a second",
      },
    ],
  }),
  defineDrill({
    name: "failover-during-reshard",
    about: "a master is killed while slots move away from it; the move is brought to its end afterwards",
    given: { layouts: ["cluster"] },
    fault: [
      { do: "reshard", slots: 200 },
      { do: "fault", fault: "kill", targets: ["master"] },
      { do: "wait", for: "promoted", within: "6timeout+60s" },
    ],
    expect: [
      {
        expect: `failovers<=1,${ASYNCHRONOUS}`,
        why: "open slots and their keys outlive the master; what was on its way to nobody yet is lost with it",
        source: "tests/cluster/tests/20-half-migrated-slot.tcl; redis#12336, #6339",
      },
    ],
  }),
  defineDrill({
    name: "rolling-restart",
    about: "every instance is restarted, replicas first, each master after it has handed over",
    given: { layouts: ALL },
    fault: [{ do: "rolling-restart" }],
    expect: [
      {
        expect: "lost=0,counters=0,stale=any,backwards=any",
        why: "nothing is restarted that has the role of a master",
        source: "redis-lab up, rolling restarts",
      },
    ],
  }),
  defineDrill({
    name: "reboot-of-all",
    about: "everything is killed at once and started again, as after a power cut of all hosts",
    given: { layouts: ALL },
    fault: [{ do: "fault", fault: "kill", targets: ["all"] }],
    recover: [{ do: "up" }],
    expect: [
      {
        expect: ASYNCHRONOUS,
        why: "what was not saved yet is nowhere: it goes back to the last save",
        source: "redis docs, persistence.md",
      },
    ],
  }),
];
