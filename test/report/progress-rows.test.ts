import { expect, test } from "vitest";
import { endOfHost, endOfLab, newRowState, updateRow } from "../../lib/report/progress-rows.ts";

const step = { type: "step", host: "redis-18", step: "files" } as const;

/** A row that has seen events. */
function row(...events: Parameters<typeof updateRow>[1][]) {
  const state = newRowState();
  for (const event of events) updateRow(state, event, 0);
  return state;
}

const changed = row({ ...step, state: "started" }, { ...step, state: "changed" }, { ...step, step: "start", state: "changed" });
const unchanged = row({ ...step, state: "unchanged" });
const running = row({ ...step, state: "started" });
const failed = row({ ...step, state: "started" }, { ...step, state: "failed", detail: "no space" });
const untouched = row();

test.each([
  ["changed steps", changed, false, "changed: files, start", true],
  ["nothing to change", unchanged, false, "unchanged", true],
  ["a host of which the verb had nothing to say", untouched, false, "unchanged", true],
  ["a verb that failed before it came to the host", untouched, true, "not begun", false],
  ["a verb that failed elsewhere", unchanged, true, "unchanged", true],
  ["a verb that failed meanwhile", running, true, "stopped at files", false],
  ["a failed step", failed, false, "files failed: no space", false],
])("the end of a host: %s", (_, state, verbFailed, text, good) => {
  expect(endOfHost(state, verbFailed)).toEqual({ text: expect.stringContaining(text), good });
});

test.each([
  ["hosts alone", untouched, [changed, unchanged], false, "1 of 2 hosts changed", true],
  ["the layout too", changed, [changed], false, "changed: files, start; 1 of 1 hosts changed", true],
  ["nothing", unchanged, [unchanged], false, "unchanged", true],
  ["a verb that failed before anything was changed", untouched, [untouched], true, "failed", false],
  ["a verb that failed after that", unchanged, [changed, unchanged], true, "failed; 1 of 2 hosts changed", false],
  ["a verb that failed in a step", running, [changed], true, "stopped at files", false],
])("the end of the lab: %s", (_, lab, hosts, verbFailed, text, good) => {
  expect(endOfLab(lab, hosts, verbFailed)).toEqual({ text, good });
});
