import { expect, test } from "vitest";
import { mergeLogs } from "../../lib/operations/lab-logs.ts";

const NOW = Date.UTC(2026, 10, 30, 12);
const line = (second: string, text: string) => `1:M 30 Nov 2026 10:00:${second} * ${text}`;

test("logs of hosts in different zones are one log by time; lines without a time stay behind theirs", () => {
  const tails = [
    { instance: "a:6379", offsetMinutes: 0, lines: ["   _._", line("01.000", "one"), "more of one", line("03.000", "three")] },
    {
      instance: "b:6379",
      offsetMinutes: 60,
      lines: [line("02.000", "two").replace("10:", "11:"), line("02.000", "two again").replace("10:", "11:")],
    },
    { instance: "c:6379", offsetMinutes: 0, lines: [] },
  ];
  const merged = mergeLogs(tails, 100, NOW).map((each) => `${each.instance} ${each.line.replace(/^.* \* /, "")}`);
  expect(merged).toEqual(["a:6379    _._", "a:6379 one", "a:6379 more of one", "b:6379 two", "b:6379 two again", "a:6379 three"]);
  expect(mergeLogs(tails, 2, NOW).map((each) => each.line.replace(/^.* \* /, ""))).toEqual(["two again", "three"]);
  expect(mergeLogs(tails, 0, NOW)).toEqual([]);
});
