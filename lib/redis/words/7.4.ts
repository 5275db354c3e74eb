import { redis72 } from "./7.2.ts";
import { type LineWords, minus, plus } from "./line.ts";

const RENAMED = "aof_rewrite_cpulist bgsave_cpulist bio_cpulist server_cpulist";

/** What came with 7.4. Source: the table `static_configs` in config.c, RDB_VERSION in rdb.h of 7.4.1. */
export const redis74: LineWords = {
  ...redis72,
  line: "7.4",
  verified: false,
  settable: plus(redis72.settable, "hide-user-data-from-log max-new-connections-per-cycle max-new-tls-connections-per-cycle"),
  fixed: plus(minus(redis72.fixed, RENAMED), RENAMED.replaceAll("_", "-")),
  aliases: { ...redis72.aliases, ...Object.fromEntries(RENAMED.split(" ").map((name) => [name, name.replaceAll("_", "-")])) },
  rdbVersion: 12,
};
