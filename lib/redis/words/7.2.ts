import { redis70 } from "./7.0.ts";
import { type LineWords, plus } from "./line.ts";

/**
 * What came with 7.2. From here on a build without TLS reads the TLS directives, and ends when one of them asks for TLS. Source: the table `static_configs` in config.c without
 * LOG_REQ_RES, RDB_VERSION in rdb.h of 7.2.5.
 */
export const redis72: LineWords = {
  ...redis70,
  line: "7.2",
  verified: false,
  settable: plus(
    redis70.settable,
    "cluster-announce-human-nodename cluster-ping-interval locale-collate set-max-listpack-entries set-max-listpack-value",
  ),
  rdbVersion: 11,
};
