import { expect, test } from "vitest";
import { logTime, offsetOf } from "../../lib/redis/log-line.ts";

const NOW = Date.UTC(2026, 10, 30, 12);

test.each([
  ["1234:M 30 Nov 2026 11:10:43.123 * Ready", 0, "2026-11-30T11:10:43.123Z"],
  ["1234:M 30 Nov 11:10:43.123 * Ready to accept connections", 0, "2026-11-30T11:10:43.123Z"],
  ["9:S 30 Nov 2026 11:10:43.123 # text", 330, "2026-11-30T05:40:43.123Z"],
  ["9:X 30 Nov 2026 11:10:43.123 # +sdown", -120, "2026-11-30T13:10:43.123Z"],
  // A log of 4.0 has no year: what would be of the future is of last year.
  ["1234:C 31 Dec 23:59:59.999 * bye", 0, "2025-12-31T23:59:59.999Z"],
])("%s in a zone of %i minutes", (line, offset, iso) => {
  expect(new Date(logTime(line, offset, NOW) ?? 0).toISOString()).toBe(iso);
});

test.each(["", "                _._", "1234:M 30 Foo 11:10:43.123 * text", "30 Nov 2026 11:10:43.123 text"])("%j has no time", (line) => {
  expect(logTime(line, 0, NOW)).toBeUndefined();
});

test("zones of date(1)", () => {
  expect(["+0000", "+0530", "-0800", "UTC", ""].map(offsetOf)).toEqual([0, 330, -480, 0, 0]);
});
