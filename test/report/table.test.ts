import pc from "picocolors";
import { expect, test } from "vitest";
import { formatTable } from "../../lib/report/table.ts";

const rows = [
  { host: "redis-18", role: pc.red("unknown"), note: "connect ECONNREFUSED 127.0.1.18:6379, and a long story about it" },
  { host: "redis-28", role: "master", note: "" },
];
const columns = [
  { title: "HOST", cell: ({ host }: (typeof rows)[number]) => host },
  { title: "ROLE", cell: ({ role }: (typeof rows)[number]) => role },
  { title: "NOTE", cell: ({ note }: (typeof rows)[number]) => note },
];

test("without a terminal rows are tab-separated and whole", () => {
  const text = formatTable(rows, columns, { terminal: false, width: 20 });
  expect(text.split("\n").map((line) => line.split("\t").length)).toEqual([3, 3, 3]);
  expect(text).toContain("a long story about it");
});

test.each([40, 60])("on a terminal of %i columns no line is longer: the last cell is cut", (width) => {
  const lines = formatTable(rows, columns, { terminal: true, width }).split("\n");
  expect(lines).toHaveLength(3);
  expect(Math.max(...lines.map((line) => line.length))).toBe(width);
  expect(lines[1]).toMatch(/^redis-18 {2}unknown {2}connect ECONN.*…$/);
  expect(lines[2]).toBe("redis-28  master");
});

test("a terminal that does not say how wide it is gets everything", () => {
  expect(formatTable(rows, columns, { terminal: true })).toContain("a long story about it");
});
