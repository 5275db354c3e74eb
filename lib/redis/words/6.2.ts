import { redis50 } from "./5.0.ts";
import { type LineWords, minus, plus, words } from "./line.ts";

/** What came with 6.0 and 6.2. Source: the table `configs`, loadServerConfigFromString, configSetCommand in config.c, sentinel.c of 6.2.14. */
export const redis62: LineWords = {
  ...redis50,
  line: "6.2",
  verified: false,
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
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  sentinel: {
    ...redis50.sentinel,
    global: plus(redis50.sentinel.global, "announce-hostnames resolve-hostnames sentinel-pass sentinel-user"),
    perMaster: plus(redis50.sentinel.perMaster, "auth-user"),
    settable: plus(redis50.sentinel.settable, "auth-user"),
    defaults: { ...redis50.sentinel.defaults, "resolve-hostnames": "no", "announce-hostnames": "no" },
  },
};
