import { type LineWords, words } from "./line.ts";

/** Source: loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 5.0.6. */
export const redis50: LineWords = {
  line: "5.0",
  verified: true,
  settable: words(`
    active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-max-scan-fields active-defrag-threshold-lower
    active-defrag-threshold-upper activedefrag activerehashing aof-load-truncated aof-rewrite-incremental-fsync aof-use-rdb-preamble
    appendfsync appendonly auto-aof-rewrite-min-size auto-aof-rewrite-percentage client-output-buffer-limit client-query-buffer-limit
    cluster-announce-bus-port cluster-announce-ip cluster-announce-port cluster-migration-barrier cluster-node-timeout
    cluster-replica-no-failover cluster-replica-validity-factor cluster-require-full-coverage dbfilename dir dynamic-hz
    hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes hz latency-monitor-threshold lazyfree-lazy-eviction
    lazyfree-lazy-expire lazyfree-lazy-server-del lfu-decay-time lfu-log-factor list-compress-depth list-max-ziplist-size loglevel
    lua-time-limit masterauth maxclients maxmemory maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write
    no-appendfsync-on-rewrite notify-keyspace-events protected-mode proto-max-bulk-len rdb-save-incremental-fsync rdbcompression
    repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-sync repl-diskless-sync-delay repl-ping-replica-period
    repl-timeout replica-announce-ip replica-announce-port replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only
    replica-serve-stale-data requirepass save set-max-intset-entries slowlog-log-slower-than slowlog-max-len stop-writes-on-bgsave-error
    stream-node-max-bytes stream-node-max-entries tcp-keepalive timeout zset-max-ziplist-entries zset-max-ziplist-value
  `),
  fixed: words(`
    always-show-logo appendfilename bind cluster-config-file cluster-enabled daemonize databases include list-max-ziplist-entries
    list-max-ziplist-value loadmodule logfile lua-replicate-commands pidfile port rdbchecksum rename-command replicaof supervised
    syslog-enabled syslog-facility syslog-ident tcp-backlog unixsocket unixsocketperm
  `),
  repeatable: words(`
    client-output-buffer-limit include loadmodule rename-command save
  `),
  aliases: {
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
  },
  tls: words(`
  `),
  withoutSave: "nothing",
  rewritesDefaultUser: false,
  moduleSettings: false,
  rdbVersion: 9,
  supervisedNeedsLibsystemd: false,
  // sds.h defines SDS_NOINIT in every object; gcc 10 and later, where -fno-common is the default, link that only with -fcommon.
  makeFlags: ["REDIS_CFLAGS=-fcommon"],
  sentinel: {
    global: words(`
      announce-ip announce-port deny-scripts-reconfig
    `),
    perMaster: words(`
      auth-pass client-reconfig-script down-after-milliseconds failover-timeout monitor notification-script parallel-syncs rename-command
    `),
    state: words(`
      myid current-epoch config-epoch leader-epoch known-slave known-sentinel known-replica
    `),
    globalState: words("myid current-epoch"),
    settable: words(`
      auth-pass down-after-milliseconds failover-timeout parallel-syncs rename-command
    `),
    defaults: {
      "down-after-milliseconds": "30000",
      "failover-timeout": "180000",
      "parallel-syncs": "1",
      "deny-scripts-reconfig": "yes",
      "announce-port": "0",
      "announce-ip": "",
    },
    takesPassword: true,
  },
};
