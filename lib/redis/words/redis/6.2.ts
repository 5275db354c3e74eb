import { lineAfter, minus, plus, words } from "../line.ts";
import { INT_MAX, kinds, kindsAfter, long, memory, oneOf, text, whole, yesNo } from "../value-kinds.ts";
import { redis50 } from "./5.0.ts";

/** What came with 6.0 and 6.2. Source: the table `configs`, loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 6.2.14. */
export const redis62 = lineAfter(redis50, {
  verified: false,
  rdbVersion: 9,
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: false,
  plainBuildReadsTls: false,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  keepsSlotMarks: false,
  settable: plus(
    redis50.settable,
    `acl-pubsub-default acllog-max-len active-expire-effort bind cluster-allow-reads-when-down cluster-allow-replica-migration
    cluster-announce-tls-port crash-log-enabled crash-memcheck-enabled disable-thp gopher-enabled ignore-warnings jemalloc-bg-thread
    key-load-delay lazyfree-lazy-user-del lazyfree-lazy-user-flush lua-replicate-commands masteruser maxmemory-eviction-tenacity
    oom-score-adj oom-score-adj-values port proc-title-template rdb-del-sync-files rdb-key-save-delay repl-diskless-load
    replica-announced sanitize-dump-payload tracking-table-max-keys use-exit-on-panic`,
  ),
  fixed: plus(
    minus(redis50.fixed, "bind lua-replicate-commands port"),
    "aclfile aof_rewrite_cpulist bgsave_cpulist bio_cpulist io-threads io-threads-do-reads server_cpulist set-proc-title user",
  ),
  repeatable: plus(redis50.repeatable, "user"),
  tls: words(`
    tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file
    tls-client-key-file-pass tls-cluster tls-dh-params-file tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols
    tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching
  `),
  values: kindsAfter(
    redis50.values,
    {},
    kinds([
      [
        yesNo,
        `cluster-allow-reads-when-down cluster-allow-replica-migration crash-log-enabled crash-memcheck-enabled disable-thp gopher-enabled
        io-threads-do-reads jemalloc-bg-thread lazyfree-lazy-user-del lazyfree-lazy-user-flush rdb-del-sync-files replica-announced
        set-proc-title tls-cluster tls-prefer-server-ciphers tls-replication tls-session-caching use-exit-on-panic`,
      ],
      [long(), "acllog-max-len hash-max-ziplist-entries set-max-intset-entries tracking-table-max-keys zset-max-ziplist-entries"],
      [long(0), "cluster-node-timeout"],
      [whole(1, 2n * INT_MAX + 1n), "maxclients"],
      [whole(1, 10), "active-expire-effort"],
      [whole(1, 128), "io-threads"],
      [whole(0, 100), "maxmemory-eviction-tenacity"],
      [whole(0, 65_535), "cluster-announce-tls-port tls-port"],
      [whole(0), "tls-session-cache-size tls-session-cache-timeout"],
      [whole(-(2 ** 31)), "key-load-delay rdb-key-save-delay"],
      [memory(1024 * 1024), "client-query-buffer-limit proto-max-bulk-len"],
      [oneOf("allchannels", "resetchannels"), "acl-pubsub-default"],
      [oneOf("disabled", "on-empty-db", "swapdb"), "repl-diskless-load"],
      [oneOf("no", "yes", "relative", "absolute"), "oom-score-adj"],
      [oneOf("no", "yes", "clients"), "sanitize-dump-payload"],
      [oneOf("no", "yes", "optional"), "tls-auth-clients"],
      [{ kind: "wholes", count: 3, least: -2000n, most: 2000n }, "oom-score-adj-values"],
      [{ kind: "letters", alphabet: "Ag$lshzxeKEtmd" }, "notify-keyspace-events"],
      [
        text(),
        `aclfile aof_rewrite_cpulist bgsave_cpulist bio_cpulist ignore-warnings masteruser proc-title-template server_cpulist
        tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file
        tls-client-key-file-pass tls-dh-params-file tls-key-file tls-key-file-pass tls-protocols`,
      ],
      [text(1, Number.POSITIVE_INFINITY), "user"],
    ]),
  ),
  sentinel: {
    ...redis50.sentinel,
    global: plus(redis50.sentinel.global, "announce-hostnames resolve-hostnames sentinel-pass sentinel-user"),
    perMaster: plus(redis50.sentinel.perMaster, "auth-user"),
    settable: plus(redis50.sentinel.settable, "auth-user"),
    defaults: { ...redis50.sentinel.defaults, "resolve-hostnames": "no", "announce-hostnames": "no" },
    takesPassword: true,
  },
});
