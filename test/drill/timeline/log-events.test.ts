import { expect, test } from "vitest";
import { logEvent, SENTINEL_CHANNELS, sentinelEvent } from "../../../lib/drill/timeline/log-events.ts";

const ID = "2df893101059aba55e589bfd5c39b38a6a6d1f10";
const nameOf = (id: string) => ({ [ID]: "redis-28:6379", "127.0.2.18:6379": "redis-18:6379", "127.0.2.28:6379": "redis-28:6379" })[id];
const tell = (line: string) => {
  const { text: _, ...told } = logEvent(line, nameOf) ?? { text: "" };
  return told;
};

test.each([
  ["4.0", "1234:M 30 Nov 21:10:43.123 * ", "Marking node ID as failing (quorum reached).", { what: "failed", about: "redis-28:6379" }],
  [
    "7.0",
    "1234:M 01 Dec 2026 15:03:25.001 * ",
    "Marking node ID () as failing (quorum reached).",
    { what: "failed", about: "redis-28:6379" },
  ],
  [
    "4.0",
    "1234:S 30 Nov 21:10:43.123 * ",
    `FAIL message received from ${"b".repeat(40)} about ID`,
    { what: "failed", about: "redis-28:6379" },
  ],
  [
    "7.2",
    "1234:S 01 Dec 2026 15:03:25.001 * ",
    `FAIL message received from ${"b".repeat(40)} () about ID ()`,
    { what: "failed", about: "redis-28:6379" },
  ],
  [
    "4.0",
    "1234:M 30 Nov 21:10:43.123 * ",
    "Clear FAIL state for node ID: slave is reachable again.",
    { what: "suspicion-withdrawn", about: "redis-28:6379" },
  ],
  [
    "7.0",
    "1234:M 01 Dec 2026 15:03:25.001 * ",
    "Clear FAIL state for node ID ():replica is reachable again.",
    { what: "suspicion-withdrawn", about: "redis-28:6379" },
  ],
  [
    "4.0",
    "1234:S 30 Nov 21:10:43.123 # ",
    "Start of election delayed for 812 milliseconds (rank #0, offset 1234).",
    { what: "note", value: 812 },
  ],
  ["4.0", "1234:S 30 Nov 21:10:43.123 # ", "Starting a failover election for epoch 7.", { what: "election", value: 7 }],
  ["4.0", "1234:M 30 Nov 21:10:43.123 # ", "Failover auth granted to ID for epoch 7", { what: "vote", about: "redis-28:6379", value: 7 }],
  ["4.0", "1234:M 30 Nov 21:10:43.123 # ", "Failover auth denied to ID: its master is up", { what: "note", about: "redis-28:6379" }],
  ["4.0", "1234:S 30 Nov 21:10:43.123 # ", "Failover election won: I'm the new master.", { what: "promoted" }],
  ["4.0", "1234:M 30 Nov 21:10:43.123 * ", "MASTER MODE enabled (user request from 'id=5 addr=127.0.2.18:4000')", { what: "promoted" }],
  ["4.0", "1234:M 30 Nov 21:10:43.123 # ", "Configuration change detected. Reconfiguring myself as a replica of ID", { what: "demoted" }],
  [
    "4.0",
    "1234:S 30 Nov 21:10:43.123 * ",
    "MASTER <-> SLAVE sync: receiving 12345 bytes from master",
    { what: "full-resync", value: 12_345 },
  ],
  [
    "7.0",
    "1234:S 01 Dec 2026 15:03:25.001 * ",
    "MASTER <-> REPLICA sync: receiving 12345 bytes from master to disk",
    { what: "full-resync", value: 12_345 },
  ],
  [
    "7.0",
    "1234:S 01 Dec 2026 15:03:25.001 * ",
    "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to disk",
    { what: "full-resync" },
  ],
  ["4.0", "1234:S 30 Nov 21:10:43.123 * ", "Successful partial resynchronization with master.", { what: "partial-resync" }],
  ["4.0", "1234:S 30 Nov 21:10:43.123 # ", "Cluster state changed: fail", { what: "cluster-down" }],
  ["4.0", "1234:X 30 Nov 21:10:43.123 # ", "+sdown master mymaster 127.0.2.18 6379", { what: "suspected", about: "redis-18:6379" }],
  [
    "4.0",
    "1234:X 30 Nov 21:10:43.123 # ",
    "+sdown slave 127.0.2.28:6379 127.0.2.28 6379 @ mymaster 127.0.2.18 6379",
    { what: "note", about: "redis-28:6379" },
  ],
  [
    "7.0",
    "1234:X 01 Dec 2026 15:03:25.001 # ",
    "+switch-master mymaster 127.0.2.18 6379 127.0.2.28 6379",
    { what: "promoted", about: "redis-28:6379" },
  ],
])("%s: %s%s", (_, head, text, told) => expect(tell(head + text.replaceAll("ID", ID))).toEqual(told));

test("other lines, and lines without a head, are no news", () => {
  expect(logEvent("1234:M 30 Nov 21:10:43.123 * DB saved on disk", nameOf)).toBeUndefined();
  expect(logEvent("Marking node x as failing (quorum reached).", nameOf)).toBeUndefined();
  expect(logEvent("1234:X 30 Nov 21:10:43.123 # +set master mymaster 127.0.2.18 6379 auth-pass secret", nameOf)).toBeUndefined();
});

test("no channel is listened to on which a password goes", () => {
  expect(Object.keys(SENTINEL_CHANNELS)).not.toContain("+set");
  expect(sentinelEvent("+set", "master mymaster 127.0.2.18 6379 auth-pass secret", nameOf)).toBeUndefined();
  expect(sentinelEvent("toString", "x", nameOf)).toBeUndefined();
});
