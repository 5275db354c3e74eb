import { lineAfter, minus, plus, renamed } from "../line.ts";
import { INT_MAX, kinds, kindsAfter, memory, oneOf, text, type ValueKind, whole, yesNo } from "../value-kinds.ts";
import { redis62 } from "./6.2.ts";

const RENAMED = {
  "hash-max-ziplist-entries": "hash-max-listpack-entries",
  "hash-max-ziplist-value": "hash-max-listpack-value",
  "list-max-ziplist-size": "list-max-listpack-size",
  "lua-time-limit": "busy-reply-threshold",
  "zset-max-ziplist-entries": "zset-max-listpack-entries",
  "zset-max-ziplist-value": "zset-max-listpack-value",
};

const SHUTDOWN_WORDS = ["default", "save", "nosave", "now", "force"];
const onSignal: ValueKind = { kind: "some-of", words: SHUTDOWN_WORDS, apart: ["save", "nosave"] };

/** What came with 7.0. Source: the table `static_configs`, deprecated_configs in config.c, sentinel.c of 7.0.15. */
export const redis70 = lineAfter(redis62, {
  verified: true,
  rdbVersion: 10,
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: true,
  plainBuildReadsTls: false,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  // clusterUpdateSlotsConfigWith sets owner_not_claiming_slot, and clusterDelSlot leaves it (cluster.c of 7.0.15).
  keepsSlotMarks: true,
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
  values: kindsAfter(
    redis62.values,
    RENAMED,
    kinds([
      [
        yesNo,
        `aof-disable-auto-gc aof-timestamp-enabled cluster-allow-pubsubshard-when-down latency-tracking
        replica-ignore-disk-write-errors`,
      ],
      [whole(0), "repl-diskless-sync-max-replicas shutdown-timeout watchdog-period"],
      [whole(0, 65_535), "cluster-port"],
      [whole(0, 2n * INT_MAX + 1n), "socket-mark-id"],
      [memory(), "cluster-link-sendbuf-limit"],
      [whole(1024), "loading-process-events-interval-bytes"],
      [{ kind: "memory", least: 0, most: Number.POSITIVE_INFINITY, percent: true }, "maxmemory-clients"],
      [oneOf("ip", "hostname", "unknown-endpoint"), "cluster-preferred-endpoint-type"],
      [oneOf("no", "yes", "local"), "enable-debug-command enable-module-command enable-protected-configs"],
      [oneOf("ignore", "panic", "panic-on-replicas"), "propagation-error-behavior"],
      [onSignal, "shutdown-on-sigint shutdown-on-sigterm"],
      [{ kind: "save-points", several: true }, "save"],
      [{ kind: "buffer-limits", classes: ["normal", "replica", "slave", "pubsub"], several: true }, "client-output-buffer-limit"],
      [{ kind: "letters", alphabet: "Ag$lshzxeKEtmdn" }, "notify-keyspace-events"],
      [{ kind: "percentiles" }, "latency-tracking-info-percentiles"],
      [{ kind: "host-name" }, "cluster-announce-hostname"],
      [text(), "appenddirname bind-source-addr"],
      // Read over, with whatever word stands behind it (deprecated_configs).
      [text(), "lua-replicate-commands"],
    ]),
    "gopher-enabled",
  ),
  sentinel: {
    ...redis62.sentinel,
    perMaster: plus(redis62.sentinel.perMaster, "master-reboot-down-after-period"),
    settable: plus(redis62.sentinel.settable, "master-reboot-down-after-period"),
    defaults: { ...redis62.sentinel.defaults, "master-reboot-down-after-period": "0" },
  },
});
