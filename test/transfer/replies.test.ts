import { expect, test } from "vitest";
import { verdictOf } from "../../lib/transfer/replies.ts";

test.each([
  ["BUSYKEY Target key name already exists.", "busy"],
  ["LOADING Redis is loading the dataset in memory", "passing"],
  ["CLUSTERDOWN The cluster is down", "passing"],
  ["CLUSTERDOWN Hash slot not served", "passing"],
  ["READONLY You can't write against a read only slave.", "passing"],
  ["NOREPLICAS Not enough good slaves to write.", "passing"],
  ["BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "passing"],
  ["ERR DUMP payload version or checksum are wrong", "unreadable"],
  ["ERR Bad data format", "refused"],
  ["NOPERM this user has no permissions to access one of the keys used as arguments", "refused"],
  ["NOPERM No permissions to access a key", "refused"],
  ["NOPERM this user has no permissions to run the 'restore' command or its subcommand", "stops"],
  ["NOAUTH Authentication required.", "stops"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "stops"],
  ["MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.", "stops"],
  ["ERR unknown command 'RESTORE'", "stops"],
])("%s: %s", (reply, kind) => {
  expect(verdictOf(reply)).toEqual({ kind });
});

test.each([
  ["MOVED 866 10.0.0.1:6379", { kind: "moved", slot: 866, address: "10.0.0.1", port: 6379 }],
  ["ASK 866 fe80::1:7000", { kind: "ask", slot: 866, address: "fe80::1", port: 7000 }],
  // From 7.0 on a node may not know the address.
  ["MOVED 866 :6379", { kind: "moved", slot: 866, address: "", port: 6379 }],
])("%s", (reply, verdict) => {
  expect(verdictOf(reply)).toEqual(verdict);
});
