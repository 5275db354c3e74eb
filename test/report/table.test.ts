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

test("without a terminal rows are whole and line up", () => {
  const lines = formatTable(rows, columns, { terminal: false, width: 20 }).split("\n");
  expect(lines[0]).toBe("HOST      ROLE     NOTE");
  expect(lines[1]).toContain("a long story about it");
  expect(lines[2]).toBe("redis-28  master");
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

const ID = "6d5c64c8cae20c99cdd6929f93a66fbf8a6480fc";
const nodes = [
  { name: "redis-18:6379", slots: "10923-16383 (5461)", version: "4.0.14", master: ID, note: "" },
  { name: "redis-28:6379", slots: "-", version: "4.0.14", master: "redis-18:6379", note: "" },
];
type Node = (typeof nodes)[number];
const wide = [
  { title: "INSTANCE", cell: ({ name }: Node) => name },
  { title: "SLOTS", cell: ({ slots }: Node) => slots, short: ({ slots }: Node) => slots.split(" ")[0] ?? "" },
  { title: "VERSION", cell: ({ version }: Node) => version, optional: true as const },
  { title: "MASTER", cell: ({ master }: Node) => master },
  { title: "NOTE", cell: ({ note }: Node) => note },
];

test("on a terminal a node id gives way to its beginning, and a column that says nothing is left out; elsewhere both are whole", () => {
  const terminal = formatTable(nodes, wide, { terminal: true, width: 80 });
  expect(terminal).toContain("6d5c64c8…");
  expect(terminal).not.toContain(ID);
  expect(terminal).not.toContain("NOTE");
  const plain = formatTable(nodes, wide, { terminal: false, width: 80 });
  expect(plain).toContain(ID);
  expect(plain).toContain("NOTE");
});

test("where the line is too short cells say their short form first, then optional columns go, and then cells are cut", () => {
  const at = (width: number) => formatTable(nodes, wide, { terminal: true, width }).split("\n");
  expect(at(57)[1]).toBe("redis-18:6379  10923-16383 (5461)  4.0.14   6d5c64c8…");
  expect(at(52)[1]).toBe("redis-18:6379  10923-16383  4.0.14   6d5c64c8…");
  expect(at(45)[1]).toBe("redis-18:6379  10923-16383  6d5c64c8…");
  expect(at(45)[0]).not.toContain("VERSION");
  const cut = at(36);
  expect(Math.max(...cut.map((line) => line.length))).toBeLessThanOrEqual(36);
  expect(cut[2]).toBe("redis-28:6379  -            redis-1…");
});
