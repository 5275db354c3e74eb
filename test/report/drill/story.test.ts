import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { formatDrill, formatDrillRuns } from "../../../lib/report/drill/story.ts";
import { REPORT } from "./reports.ts";

const story = stripVTControlCharacters(formatDrill(REPORT));

test("the verdict and why come first, and no line but a command is wider than 80 columns", () => {
  const lines = story.split("\n");
  expect(lines[0]).toBe("failed  master-kill on sentinel (sentinel, Redis 7.0.15, local)");
  expect(lines[1]).toContain("3 acknowledged writes gone");
  expect(lines.filter((line) => line.length > 80 && !/^(Again|Further):/.test(line))).toEqual([]);
});

test("it tells what the silence was made of, and where to look further", () => {
  expect(story).toContain(
    "cost    2.27 s until it was agreed that it is down, 1.00 s for the election, 100\n        ms until clients had found it",
  );
  expect(story).toContain("writes 3.37 s silent");
  expect(story).toContain("vote: redis-28:26379 “+vote-for-leader aaaaaaaa… 5”");
  expect(story).toContain(`Again:   redis-lab drill check ${REPORT.folder}`);
});

test("several runs are told as their spread, with the story of the first that failed", () => {
  const text = stripVTControlCharacters(
    formatDrillRuns(
      {
        lab: "sentinel",
        target: "local",
        drill: "master-kill",
        runs: [{ ...REPORT, verdict: { ...REPORT.verdict, outcome: "passed", reasons: [] } }, REPORT],
        distribution: { lost: { min: 0, median: 1.5, max: 3 }, gap: { min: 2100, median: 2700, max: 3370 } },
        passed: false,
        interrupted: false,
      },
      { terminal: false },
    ),
  );
  expect(text).toMatch(/^failed {2}master-kill on sentinel: 1 of 2 runs passed\n/);
  expect(text).toMatch(/gap +2\.10 s +2\.70 s +3\.37 s/);
  expect(text).toContain("3 acknowledged writes gone");
});
