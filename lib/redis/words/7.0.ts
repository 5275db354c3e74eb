import { type LineWords, words } from "./line.ts";

/** Source: the table `static_configs`, deprecated_configs in config.c, sentinel.c of 7.0.15. */
export const redis70: LineWords = {
  line: "7.0",
  verified: true,
  settable: words(`
    acl-pubsub-default acllog-max-len active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-max-scan-fields
    active-defrag-threshold-lower active-defrag-threshold-upper active-expire-effort activedefrag activerehashing aof-disable-auto-gc
    aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled aof-use-rdb-preamble appendfsync appendonly
    auto-aof-rewrite-min-size auto-aof-rewrite-percentage bind bind-source-addr busy-reply-threshold client-output-buffer-limit
    client-query-buffer-limit cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down cluster-allow-replica-migration
    cluster-announce-bus-port cluster-announce-hostname cluster-announce-ip cluster-announce-port cluster-announce-tls-port
    cluster-link-sendbuf-limit cluster-migration-barrier cluster-node-timeout cluster-preferred-endpoint-type cluster-replica-no-failover
    cluster-replica-validity-factor cluster-require-full-coverage crash-log-enabled crash-memcheck-enabled dynamic-hz
    hash-max-listpack-entries hash-max-listpack-value hll-sparse-max-bytes hz ignore-warnings jemalloc-bg-thread key-load-delay
    latency-monitor-threshold latency-tracking latency-tracking-info-percentiles lazyfree-lazy-eviction lazyfree-lazy-expire
    lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor list-compress-depth
    list-max-listpack-size loading-process-events-interval-bytes loglevel masterauth masteruser maxclients maxmemory maxmemory-clients
    maxmemory-eviction-tenacity maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write no-appendfsync-on-rewrite
    notify-keyspace-events oom-score-adj oom-score-adj-values port proc-title-template propagation-error-behavior protected-mode
    proto-max-bulk-len rdb-del-sync-files rdb-key-save-delay rdb-save-incremental-fsync rdbcompression repl-backlog-size repl-backlog-ttl
    repl-disable-tcp-nodelay repl-diskless-load repl-diskless-sync repl-diskless-sync-delay repl-diskless-sync-max-replicas
    repl-ping-replica-period repl-timeout replica-announce-ip replica-announce-port replica-announced replica-ignore-disk-write-errors
    replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only replica-serve-stale-data requirepass sanitize-dump-payload
    save set-max-intset-entries shutdown-on-sigint shutdown-on-sigterm shutdown-timeout slowlog-log-slower-than slowlog-max-len
    stop-writes-on-bgsave-error stream-node-max-bytes stream-node-max-entries tcp-keepalive timeout tracking-table-max-keys use-exit-on-panic
    watchdog-period zset-max-listpack-entries zset-max-listpack-value
  `),
  fixed: words(`
    aclfile always-show-logo aof_rewrite_cpulist appenddirname appendfilename bgsave_cpulist bio_cpulist cluster-config-file cluster-enabled
    cluster-port daemonize databases dbfilename dir disable-thp enable-debug-command enable-module-command enable-protected-configs include
    io-threads io-threads-do-reads list-max-ziplist-entries list-max-ziplist-value loadmodule logfile lua-replicate-commands pidfile
    rdbchecksum rename-command replicaof server_cpulist set-proc-title socket-mark-id supervised syslog-enabled syslog-facility syslog-ident
    tcp-backlog unixsocket unixsocketperm user
  `),
  repeatable: words(`
    client-output-buffer-limit include loadmodule rename-command save user
  `),
  aliases: {
    "cluster-slave-no-failover": "cluster-replica-no-failover",
    "cluster-slave-validity-factor": "cluster-replica-validity-factor",
    "hash-max-ziplist-entries": "hash-max-listpack-entries",
    "hash-max-ziplist-value": "hash-max-listpack-value",
    "list-max-ziplist-size": "list-max-listpack-size",
    "lua-time-limit": "busy-reply-threshold",
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
    "zset-max-ziplist-entries": "zset-max-listpack-entries",
    "zset-max-ziplist-value": "zset-max-listpack-value",
  },
  tls: words(`
    tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file
    tls-client-key-file-pass tls-cluster tls-dh-params-file tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols
    tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching
  `),
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: true,
  rdbVersion: 10,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  sentinel: {
    global: words(`
      announce-ip announce-port deny-scripts-reconfig sentinel-user sentinel-pass resolve-hostnames announce-hostnames
    `),
    perMaster: words(`
      auth-pass auth-user client-reconfig-script down-after-milliseconds failover-timeout master-reboot-down-after-period monitor
      notification-script parallel-syncs rename-command
    `),
    state: words(`
      myid current-epoch config-epoch leader-epoch known-slave known-sentinel known-replica
    `),
    globalState: words("myid current-epoch"),
    settable: words(`
      auth-pass auth-user down-after-milliseconds failover-timeout master-reboot-down-after-period parallel-syncs rename-command
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
      "master-reboot-down-after-period": "0",
    },
    takesPassword: true,
  },
};
