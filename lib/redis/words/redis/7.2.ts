import { lineAfter, plus } from "../line.ts";
import { kinds, kindsAfter, long, oneOf, text } from "../value-kinds.ts";
import { redis70 } from "./7.0.ts";

/** What came with 7.2. Source: the table `static_configs` in config.c without LOG_REQ_RES, RDB_VERSION in rdb.h of 7.2.5. */
export const redis72 = lineAfter(redis70, {
  verified: false,
  rdbVersion: 11,
  withoutSave: "defaults",
  rewritesDefaultUser: true,
  moduleSettings: true,
  plainBuildReadsTls: true,
  supervisedNeedsLibsystemd: true,
  makeFlags: [],
  // clusterDelSlot clears owner_not_claiming_slot (cluster.c of 7.2.5, redis#12564).
  keepsSlotMarks: false,
  settable: plus(
    redis70.settable,
    "cluster-announce-human-nodename cluster-ping-interval locale-collate set-max-listpack-entries set-max-listpack-value",
  ),
  values: kindsAfter(
    redis70.values,
    {},
    kinds([
      [long(), "cluster-ping-interval set-max-listpack-entries set-max-listpack-value"],
      [oneOf("debug", "verbose", "notice", "warning", "nothing"), "loglevel"],
      [text(), "cluster-announce-human-nodename locale-collate"],
    ]),
  ),
});
