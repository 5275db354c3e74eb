import { expect } from "vitest";
import type { TestProject } from "./project.ts";

/** The declared cluster, as the nodes themselves tell it. */
export async function expectCluster(project: TestProject): Promise<void> {
  const status = await project.status();
  expect(status.findings.filter(({ severity }) => severity !== "note")).toEqual([]);
  expect(status.healthy).toBe(true);
  const rows = status.rows.map(({ instance, role, slotCount, master }) => [instance, role, slotCount, master].join(" ").trim());
  expect(rows).toEqual([
    "redis-18:6379 master 5461",
    "redis-28:6379 master 5462",
    "redis-38:6379 master 5461",
    "redis-48:6379 replica 0 redis-38:6379",
    "redis-58:6379 replica 0 redis-18:6379",
    "redis-68:6379 replica 0 redis-28:6379",
    "redis-78:6379 standby 0",
    "redis-78:6380 standby 0",
  ]);
}
