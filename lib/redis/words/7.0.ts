import { redis62 } from "./6.2.ts";
import { type LineWords, minus, plus, renamed } from "./line.ts";

const RENAMED = {
  "hash-max-ziplist-entries": "hash-max-listpack-entries",
  "hash-max-ziplist-value": "hash-max-listpack-value",
  "list-max-ziplist-size": "list-max-listpack-size",
  "lua-time-limit": "busy-reply-threshold",
  "zset-max-ziplist-entries": "zset-max-listpack-entries",
  "zset-max-ziplist-value": "zset-max-listpack-value",
};

/** What came with 7.0. Source: the table `static_configs`, deprecated_configs in config.c, sentinel.c of 7.0.15. */
export const redis70: LineWords = {
  ...redis62,
  line: "7.0",
  verified: true,
  settable: plus(
    minus(renamed(redis62.settable, RENAMED), "dbfilename dir disable-thp gopher-enabled lua-replicate-commands"),
    `aof-disable-auto-gc aof-timestamp-enabled bind-source-addr cluster-allow-pubsubshard-when-down cluster-announce-hostname
    cluster-link-sendbuf-limit cluster-preferred-endpoint-type latency-tracking latency-tracking-info-percentiles
    loading-process-events-interval-bytes maxmemory-clients propagation-error-behavior repl-diskless-sync-max-replicas
    replica-ignore-disk-write-errors shutdown-on-sigint shutdown-on-sigterm shutdown-timeout watchdog-period`,
  ),
  fixed: plus(
    redis62.fixed,
    `appenddirname cluster-port dbfilename dir disable-thp enable-debug-command enable-module-command enable-protected-configs
    lua-replicate-commands socket-mark-id`,
  ),
  aliases: { ...redis62.aliases, ...RENAMED },
  moduleSettings: true,
  rdbVersion: 10,
  sentinel: {
    ...redis62.sentinel,
    perMaster: plus(redis62.sentinel.perMaster, "master-reboot-down-after-period"),
    settable: plus(redis62.sentinel.settable, "master-reboot-down-after-period"),
    defaults: { ...redis62.sentinel.defaults, "master-reboot-down-after-period": "0" },
  },
};
