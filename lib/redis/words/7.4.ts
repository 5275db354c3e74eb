import { redis72 } from "./7.2.ts";
import { type LineWords, plus, renamed } from "./line.ts";

const RENAMED = {
  aof_rewrite_cpulist: "aof-rewrite-cpulist",
  bgsave_cpulist: "bgsave-cpulist",
  bio_cpulist: "bio-cpulist",
  server_cpulist: "server-cpulist",
};

/** What came with 7.4. Source: the table `static_configs` in config.c, RDB_VERSION in rdb.h of 7.4.1. */
export const redis74: LineWords = {
  ...redis72,
  line: "7.4",
  verified: false,
  settable: plus(redis72.settable, "hide-user-data-from-log max-new-connections-per-cycle max-new-tls-connections-per-cycle"),
  fixed: renamed(redis72.fixed, RENAMED),
  aliases: { ...redis72.aliases, ...RENAMED },
  rdbVersion: 12,
};
