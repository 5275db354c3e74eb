import { type LineWords, words } from "./line.ts";

/** Source: loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 4.0.14. */
export const redis40: LineWords = {
  line: "4.0",
  verified: true,
  settable: words(`
    active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-threshold-lower active-defrag-threshold-upper
    activedefrag activerehashing aof-load-truncated aof-rewrite-incremental-fsync aof-use-rdb-preamble appendfsync appendonly
    auto-aof-rewrite-min-size auto-aof-rewrite-percentage client-output-buffer-limit client-query-buffer-limit cluster-announce-bus-port
    cluster-announce-ip cluster-announce-port cluster-migration-barrier cluster-node-timeout cluster-require-full-coverage
    cluster-slave-no-failover cluster-slave-validity-factor dbfilename dir hash-max-ziplist-entries hash-max-ziplist-value
    hll-sparse-max-bytes hz latency-monitor-threshold lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lfu-decay-time
    lfu-log-factor list-compress-depth list-max-ziplist-size loglevel lua-time-limit masterauth maxclients maxmemory maxmemory-policy
    maxmemory-samples min-slaves-max-lag min-slaves-to-write no-appendfsync-on-rewrite notify-keyspace-events protected-mode
    proto-max-bulk-len rdbcompression repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-sync repl-diskless-sync-delay
    repl-ping-slave-period repl-timeout requirepass save set-max-intset-entries slave-announce-ip slave-announce-port slave-lazy-flush
    slave-priority slave-read-only slave-serve-stale-data slowlog-log-slower-than slowlog-max-len stop-writes-on-bgsave-error tcp-keepalive
    timeout zset-max-ziplist-entries zset-max-ziplist-value
  `),
  fixed: words(`
    always-show-logo appendfilename bind cluster-config-file cluster-enabled daemonize databases include list-max-ziplist-entries
    list-max-ziplist-value loadmodule logfile pidfile port rdbchecksum rename-command slaveof supervised syslog-enabled syslog-facility
    syslog-ident tcp-backlog unixsocket unixsocketperm
  `),
  repeatable: words(`
    client-output-buffer-limit include loadmodule rename-command save
  `),
  aliases: {},
  tls: new Set(),
  withoutSave: "nothing",
  rewritesDefaultUser: false,
  moduleSettings: false,
  rdbVersion: 8,
  supervisedNeedsLibsystemd: false,
  makeFlags: [],
  sentinel: {
    global: words(`
      announce-ip announce-port deny-scripts-reconfig
    `),
    perMaster: words(`
      auth-pass client-reconfig-script down-after-milliseconds failover-timeout monitor notification-script parallel-syncs
    `),
    state: words(`
      myid current-epoch config-epoch leader-epoch known-slave known-sentinel
    `),
    globalState: words("myid current-epoch"),
    settable: words(`
      auth-pass down-after-milliseconds failover-timeout parallel-syncs
    `),
    defaults: {
      "down-after-milliseconds": "30000",
      "failover-timeout": "180000",
      "parallel-syncs": "1",
      "deny-scripts-reconfig": "yes",
      "announce-port": "0",
      "announce-ip": "",
    },
    takesPassword: false,
  },
};
