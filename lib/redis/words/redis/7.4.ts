import { lineAfter, plus, renamed } from "../line.ts";
import { kinds, kindsAfter, whole, yesNo } from "../value-kinds.ts";
import { redis72 } from "./7.2.ts";

const RENAMED = {
  aof_rewrite_cpulist: "aof-rewrite-cpulist",
  bgsave_cpulist: "bgsave-cpulist",
  bio_cpulist: "bio-cpulist",
  server_cpulist: "server-cpulist",
};

/** What came with 7.4. Source: the table `static_configs` in config.c, RDB_VERSION in rdb.h of 7.4.1. */
export const redis74 = lineAfter(redis72, {
  verified: false,
  rdbVersion: 12,
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: true,
  plainBuildReadsTls: true,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  keepsSlotMarks: false,
  settable: plus(redis72.settable, "hide-user-data-from-log max-new-connections-per-cycle max-new-tls-connections-per-cycle"),
  fixed: renamed(redis72.fixed, RENAMED),
  aliases: { ...redis72.aliases, ...RENAMED },
  values: kindsAfter(
    redis72.values,
    RENAMED,
    kinds([
      [yesNo, "hide-user-data-from-log"],
      [whole(1, 64), "maxmemory-samples"],
      [whole(1, 1000), "max-new-connections-per-cycle max-new-tls-connections-per-cycle"],
    ]),
  ),
});
