import { type LineWords, words } from "./line.ts";

/** Source: the table `configs`, loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 6.2.14. */
export const redis62: LineWords = {
  line: "6.2",
  verified: false,
  settable: words(`
    acl-pubsub-default acllog-max-len active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-max-scan-fields
    active-defrag-threshold-lower active-defrag-threshold-upper active-expire-effort activedefrag activerehashing aof-load-truncated
    aof-rewrite-incremental-fsync aof-use-rdb-preamble appendfsync appendonly auto-aof-rewrite-min-size auto-aof-rewrite-percentage bind
    client-output-buffer-limit client-query-buffer-limit cluster-allow-reads-when-down cluster-allow-replica-migration
    cluster-announce-bus-port cluster-announce-ip cluster-announce-port cluster-announce-tls-port cluster-migration-barrier
    cluster-node-timeout cluster-replica-no-failover cluster-replica-validity-factor cluster-require-full-coverage crash-log-enabled
    crash-memcheck-enabled dbfilename dir disable-thp dynamic-hz gopher-enabled hash-max-ziplist-entries hash-max-ziplist-value
    hll-sparse-max-bytes hz ignore-warnings jemalloc-bg-thread key-load-delay latency-monitor-threshold lazyfree-lazy-eviction
    lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor
    list-compress-depth list-max-ziplist-size loglevel lua-replicate-commands lua-time-limit masterauth masteruser maxclients maxmemory
    maxmemory-eviction-tenacity maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write no-appendfsync-on-rewrite
    notify-keyspace-events oom-score-adj oom-score-adj-values port proc-title-template protected-mode proto-max-bulk-len rdb-del-sync-files
    rdb-key-save-delay rdb-save-incremental-fsync rdbcompression repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay
    repl-diskless-load repl-diskless-sync repl-diskless-sync-delay repl-ping-replica-period repl-timeout replica-announce-ip
    replica-announce-port replica-announced replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only
    replica-serve-stale-data requirepass sanitize-dump-payload save set-max-intset-entries slowlog-log-slower-than slowlog-max-len
    stop-writes-on-bgsave-error stream-node-max-bytes stream-node-max-entries tcp-keepalive timeout tracking-table-max-keys use-exit-on-panic
    zset-max-ziplist-entries zset-max-ziplist-value
  `),
  fixed: words(`
    aclfile always-show-logo aof_rewrite_cpulist appendfilename bgsave_cpulist bio_cpulist cluster-config-file cluster-enabled daemonize
    databases include io-threads io-threads-do-reads list-max-ziplist-entries list-max-ziplist-value loadmodule logfile pidfile rdbchecksum
    rename-command replicaof server_cpulist set-proc-title supervised syslog-enabled syslog-facility syslog-ident tcp-backlog unixsocket
    unixsocketperm user
  `),
  repeatable: words(`
    client-output-buffer-limit include loadmodule rename-command save user
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
    tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file
    tls-client-key-file-pass tls-cluster tls-dh-params-file tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols
    tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching
  `),
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: false,
  rdbVersion: 9,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  sentinel: {
    global: words(`
      announce-ip announce-port deny-scripts-reconfig sentinel-user sentinel-pass resolve-hostnames announce-hostnames
    `),
    perMaster: words(`
      auth-pass auth-user client-reconfig-script down-after-milliseconds failover-timeout monitor notification-script parallel-syncs
      rename-command
    `),
    state: words(`
      myid current-epoch config-epoch leader-epoch known-slave known-sentinel known-replica
    `),
    globalState: words("myid current-epoch"),
    settable: words(`
      auth-pass auth-user down-after-milliseconds failover-timeout parallel-syncs rename-command
    `),
    defaults: {
      "down-after-milliseconds": "30000",
      "failover-timeout": "180000",
      "parallel-syncs": "1",
      "deny-scripts-reconfig": "yes",
      "announce-port": "0",
      "announce-ip": "",
      "resolve-hostnames": "no",
      "announce-hostnames": "no",
    },
    takesPassword: true,
  },
};
