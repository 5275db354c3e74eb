import { lineAfter, plus, renamed } from "../line.ts";
import { kinds, kindsAfter, long, memory, yesNo } from "../value-kinds.ts";
import { redis40 } from "./4.0.ts";

const RENAMED = {
  "cluster-slave-no-failover": "cluster-replica-no-failover",
  "cluster-slave-validity-factor": "cluster-replica-validity-factor",
  "min-slaves-max-lag": "min-replicas-max-lag",
  "min-slaves-to-write": "min-replicas-to-write",
  "repl-ping-slave-period": "repl-ping-replica-period",
  "slave-announce-ip": "replica-announce-ip",
  "slave-announce-port": "replica-announce-port",
  "slave-ignore-maxmemory": "replica-ignore-maxmemory",
  "slave-lazy-flush": "replica-lazy-flush",
  "slave-priority": "replica-priority",
  "slave-read-only": "replica-read-only",
  "slave-serve-stale-data": "replica-serve-stale-data",
  slaveof: "replicaof",
};

/** What came with 5.0. Source: loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 5.0.6. */
export const redis50 = lineAfter(redis40, {
  verified: true,
  rdbVersion: 9,
  withoutSave: "nothing",
  rewritesDefaultUser: false,
  moduleSettings: false,
  plainBuildReadsTls: false,
  supervisedNeedsLibsystemd: false,
  // sds.h defines SDS_NOINIT in every object; gcc 10 and later, where -fno-common is the default, link that only with -fcommon.
  makeFlags: ["REDIS_CFLAGS=-fcommon"],
  keepsSlotMarks: false,
  settable: plus(
    renamed(redis40.settable, RENAMED),
    `active-defrag-max-scan-fields dynamic-hz rdb-save-incremental-fsync replica-ignore-maxmemory stream-node-max-bytes
    stream-node-max-entries`,
  ),
  fixed: plus(renamed(redis40.fixed, RENAMED), "lua-replicate-commands"),
  aliases: RENAMED,
  values: kindsAfter(
    redis40.values,
    RENAMED,
    kinds([
      [yesNo, "dynamic-hz lua-replicate-commands rdb-save-incremental-fsync replica-ignore-maxmemory"],
      [long(1), "active-defrag-max-scan-fields"],
      [long(), "stream-node-max-entries"],
      [memory(), "stream-node-max-bytes"],
      [{ kind: "buffer-limits", classes: ["normal", "replica", "slave", "pubsub"], several: false }, "client-output-buffer-limit"],
      [{ kind: "letters", alphabet: "Ag$lshzxeKEt" }, "notify-keyspace-events"],
    ]),
  ),
  sentinel: {
    ...redis40.sentinel,
    perMaster: plus(redis40.sentinel.perMaster, "rename-command"),
    state: plus(redis40.sentinel.state, "known-replica"),
    settable: plus(redis40.sentinel.settable, "rename-command"),
    // `requirepass` works, but it is what a sentinel asks for and what it gives to the others at once, and only a restart sets it: sentinels that run could not get there without losing sight of each other.
    takesPassword: false,
  },
});
