import { type Drill, defineDrill } from "../drill.ts";

// What happens to hosts, their disks, their memory and the network between them.

const ALL = ["cluster", "sentinel", "replication"] as const;
const ELECTED = ["cluster", "sentinel"] as const;
const ASYNCHRONOUS = "lost=any,stale=any,backwards=any,counters=any,phantom=any";
const FAIL_OVER = { do: "wait", for: "promoted", within: "6timeout+60s" } as const;
const LONG = "8timeout+60s";

export const HOST_DRILLS: readonly Drill[] = [
  defineDrill({
    name: "power-off",
    about: "the host of a master loses its power: nothing is closed, nothing is answered; it comes back",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "power-off", targets: ["master"], for: LONG }, FAIL_OVER],
    expect: [
      {
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "replaced after the time-out; what no replica had yet is lost",
        source: "cluster-spec, Write safety",
      },
    ],
  }),
  defineDrill({
    name: "master-cut-off",
    about: "the host of a master reaches no other host, and its clients do not reach it",
    given: { layouts: ELECTED },
    fault: [{ do: "fault", fault: "isolate", targets: ["master"], for: LONG }, FAIL_OVER],
    expect: [
      {
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "what it acknowledged and could not send to a replica is lost when it comes back as one",
        source: "cluster-spec, Write safety",
      },
    ],
  }),
  defineDrill({
    name: "master-cut-off-with-clients",
    about: "the host of a master reaches no other host, and clients still reach it: it goes on acknowledging",
    given: { layouts: ELECTED },
    fault: [
      { do: "fault", fault: "isolate", targets: ["master"], for: LONG, options: { keepClients: true } },
      FAIL_OVER,
      { do: "pause", for: "2timeout" },
    ],
    expect: [
      {
        layouts: ["cluster"],
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "in a minority it acknowledges for one node timeout, then refuses; all of that is lost",
        source: "cluster-spec, Write safety",
      },
      {
        layouts: ["sentinel"],
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "it acknowledges for as long as it is cut off, unless min-replicas-to-write is set; all of that is lost",
        source: "redis docs, sentinel.md, example 2",
      },
    ],
  }),
  defineDrill({
    name: "bus-cut",
    about: "only the cluster bus of a master is cut: clients are served, and its node fails all the same",
    given: { layouts: ["cluster"] },
    fault: [{ do: "fault", fault: "isolate", targets: ["master"], for: LONG, options: { busOnly: true, keepClients: true } }, FAIL_OVER],
    expect: [
      {
        expect: `failovers=1,${ASYNCHRONOUS}`,
        why: "who is not heard on the bus is failed, whatever its clients see",
        source: "redis#9688",
      },
    ],
  }),
  defineDrill({
    name: "one-way",
    about: "what a master sends to the other hosts is lost, and what they send arrives",
    given: { layouts: ["cluster"] },
    fault: [{ do: "fault", fault: "partition", targets: ["master"], for: LONG, options: { oneWay: true, keepClients: true } }, FAIL_OVER],
    expect: [
      {
        expect: `failovers<=1,${ASYNCHRONOUS}`,
        why: "its answers do not arrive, so it is silent to the others",
        source: "inferred; redis#9688",
      },
    ],
  }),
  defineDrill({
    name: "replica-cut-off",
    about: "the host of a replica reaches no other host",
    given: { layouts: ALL },
    fault: [
      { do: "fault", fault: "isolate", targets: ["its-replica"], for: LONG, options: { keepClients: true } },
      { do: "pause", for: "2timeout" },
    ],
    expect: [
      {
        expect: "failovers=0,lost=0,counters=0,stale=any,backwards=any",
        why: "a minority elects nobody, and replicas take no part in writes",
        source: "redis docs, replication.md",
      },
    ],
  }),
  defineDrill({
    name: "disk-full",
    about: "the disk of a master is full: saves fail, and writes are refused, without a failover",
    given: { layouts: ALL },
    fault: [
      { do: "fault", fault: "disk-full", targets: ["master"], for: "90s" },
      { do: "pause", for: "15s" },
    ],
    expect: [
      {
        expect: "failovers=0,lost=0,counters=0",
        why: "MISCONF: a save that failed makes it refuse writes, and it answers PING all the same",
        source: "redis#12012; cluster.c 4.0.14:358",
      },
    ],
  }),
  defineDrill({
    name: "memory-full",
    about: "maxmemory of a master is reached and nothing is evicted: writes are refused, without a failover",
    given: { layouts: ALL },
    fault: [
      { do: "fault", fault: "memory-full", targets: ["master"], for: "60s" },
      { do: "pause", for: "5s" },
    ],
    expect: [
      {
        expect: "failovers=0,lost=0,counters=0,failed>0",
        why: "OOM: it refuses what needs memory, and answers PING all the same",
        source: "redis.conf, maxmemory-policy noeviction",
      },
    ],
  }),
  defineDrill({
    name: "master-without-persistence-restart",
    about: "a master is started again without its data before its loss is noticed: its replicas copy nothing",
    given: { layouts: ALL },
    fault: [
      { do: "fault", fault: "restart-empty", targets: ["master"] },
      { do: "pause", for: "2s" },
    ],
    expect: [
      {
        expect: "failovers=0,lost>0,stale=any,backwards=any,counters=any,phantom=any",
        why: "nobody saw it go, so it is the master still, and its replicas throw away what they have",
        source: "redis docs, replication.md, Safety of replication when master has persistence turned off; kubeblocks#10753",
      },
    ],
  }),
];
