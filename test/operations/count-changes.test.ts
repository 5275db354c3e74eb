import { expect, test } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import type { Change, HostPlan } from "../../lib/bootstrap/plan.ts";
import { countChanges, countPlanned } from "../../lib/operations/count-changes.ts";

const change: Change = { step: "files", subject: "/etc/hosts", reason: "different", summary: "change /etc/hosts" };

test.each<[string, Partial<HostPlan>, number]>([
  ["nothing", {}, 0],
  ["changes", { changes: [change, change] }, 2],
  ["a setting at once, and a new build", { reconfigure: [set("a", ["hz"], [])], restarts: [{ instance: "a", reason: "other-build" }] }, 2],
  [
    "a setting by a restart, and a new build",
    { reconfigure: [set("a", [], ["databases"])], restarts: [{ instance: "a", reason: "other-build" }] },
    1,
  ],
  ["restarts of two", { reconfigure: [set("a", [], ["databases"])], restarts: [{ instance: "b", reason: "other-build" }] }, 2],
])("a plan counts %s", (_, plan, count) => {
  expect(countPlanned({ changes: [], reconfigure: [], restarts: [], ...plan })).toBe(count);
});

function set(instance: string, live: readonly string[], restart: readonly string[]) {
  return { instance, live, restart, diff: "" };
}

const step = (name: string, state: Extract<LabEvent, { type: "step" }>["state"], changes?: number): LabEvent => ({
  type: "step",
  host: "redis-18",
  step: name,
  state,
  ...(changes !== undefined && { changes }),
});

test("what is done counts as it was planned: a step by its changes, a hand-over with its restart, a first formation as one", async () => {
  const count = countChanges();
  const seen: LabEvent[] = [];
  const emit = count.counting((event) => seen.push(event));
  emit(step("files", "started"));
  emit(step("files", "changed", 7));
  emit(step("units", "unchanged"));
  expect(count.changed).toBe(7);
  emit(step("restart", "started"));
  emit(step("layout", "changed"));
  emit(step("layout", "changed"));
  emit(step("restart", "changed"));
  emit(step("layout", "changed"));
  expect(count.changed).toBe(9);
  await count.asOne(async () => {
    for (let times = 0; times < 3; times += 1) emit(step("layout", "changed"));
  });
  await count.asOne(async () => emit(step("layout", "unchanged")));
  expect(count.changed).toBe(10);
  expect(seen).toHaveLength(12);
});
