import { type LineWords, words } from "../line.ts";
import { kinds, long, memory, oneOf, text, whole, yesNo } from "../value-kinds.ts";

/** Source: loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 4.0.14. */
export const redis40: LineWords = {
  verified: true,
  rdbVersion: 8,
  withoutSave: "nothing",
  rewritesDefaultUser: false,
  moduleSettings: false,
  plainBuildReadsTls: false,
  supervisedNeedsLibsystemd: false,
  makeFlags: [],
  keepsSlotMarks: false,
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
  values: kinds([
    [
      yesNo,
      `activedefrag activerehashing always-show-logo aof-load-truncated aof-rewrite-incremental-fsync aof-use-rdb-preamble appendonly
      cluster-enabled cluster-require-full-coverage cluster-slave-no-failover daemonize lazyfree-lazy-eviction lazyfree-lazy-expire
      lazyfree-lazy-server-del no-appendfsync-on-rewrite protected-mode rdbchecksum rdbcompression repl-disable-tcp-nodelay
      repl-diskless-sync slave-lazy-flush slave-read-only slave-serve-stale-data stop-writes-on-bgsave-error syslog-enabled`,
    ],
    [
      whole(0),
      `auto-aof-rewrite-percentage cluster-migration-barrier cluster-slave-validity-factor hz lfu-decay-time lfu-log-factor
      list-compress-depth min-slaves-max-lag min-slaves-to-write repl-diskless-sync-delay slave-priority tcp-backlog tcp-keepalive timeout`,
    ],
    [whole(1), "databases maxclients maxmemory-samples repl-ping-slave-period repl-timeout"],
    [whole(0, 65_535), "cluster-announce-bus-port cluster-announce-port port slave-announce-port"],
    [whole(0, 1000), "active-defrag-threshold-lower active-defrag-threshold-upper"],
    [whole(1, 99), "active-defrag-cycle-max active-defrag-cycle-min"],
    [whole(-(2 ** 31)), "list-max-ziplist-size"],
    [long(), "latency-monitor-threshold lua-time-limit repl-backlog-ttl slowlog-max-len"],
    [long(1), "cluster-node-timeout"],
    // CONFIG SET of 4.0 refuses -1, which switches the log off; its file takes it.
    [long(-1), "slowlog-log-slower-than"],
    [
      memory(),
      `auto-aof-rewrite-min-size client-query-buffer-limit hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes maxmemory
      set-max-intset-entries zset-max-ziplist-entries zset-max-ziplist-value`,
    ],
    [memory(1), "active-defrag-ignore-bytes proto-max-bulk-len repl-backlog-size"],
    [oneOf("everysec", "always", "no"), "appendfsync"],
    [oneOf("debug", "verbose", "notice", "warning"), "loglevel"],
    [
      oneOf(
        ...["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"],
        ...["allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"],
      ),
      "maxmemory-policy",
    ],
    [oneOf("upstart", "systemd", "auto", "no"), "supervised"],
    [oneOf("user", ...[0, 1, 2, 3, 4, 5, 6, 7].map((number) => `local${number}`)), "syslog-facility"],
    [{ kind: "mode" }, "unixsocketperm"],
    [{ kind: "save-points", several: false }, "save"],
    [{ kind: "buffer-limits", classes: ["normal", "slave", "pubsub"], several: false }, "client-output-buffer-limit"],
    [{ kind: "letters", alphabet: "Ag$lshzxeKE" }, "notify-keyspace-events"],
    [
      text(),
      `appendfilename cluster-announce-ip cluster-config-file dbfilename dir include list-max-ziplist-entries list-max-ziplist-value logfile
      masterauth pidfile requirepass slave-announce-ip syslog-ident unixsocket`,
    ],
    [text(2), "rename-command slaveof"],
    [text(1, Number.POSITIVE_INFINITY), "bind loadmodule"],
  ]),
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
