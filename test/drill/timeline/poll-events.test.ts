import { expect, test } from "vitest";
import { type PolledState, pollEvents, serverSnapshot } from "../../../lib/drill/timeline/poll-events.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const nodes = (flags: string, epoch = 1) =>
  `${A} 127.0.1.18:6379@16379 myself,slave ${B} 0 0 3 connected\n${B} 127.0.1.28:6379@16379 ${flags} - 0 0 ${epoch} connected 0-16383\n`;
const nameOf = (id: string) => (id === B ? "redis-28:6379" : undefined);
const seen = (flags: string, role = "slave", link = "up", epoch = 1): PolledState =>
  serverSnapshot(nodes(flags, epoch), `role:${role}\r\nmaster_link_status:${link}\r\n`);

test.each([
  ["suspicion", seen("master"), seen("master,fail?"), [{ what: "suspected", about: "redis-28:6379" }]],
  ["failure", seen("master,fail?"), seen("master,fail"), [{ what: "failed", about: "redis-28:6379" }]],
  ["forgiveness", seen("master,fail"), seen("master"), [{ what: "suspicion-withdrawn", about: "redis-28:6379" }]],
  ["promotion", seen("master,fail"), seen("master,fail", "master"), [{ what: "promoted" }]],
  ["demotion", seen("master", "master"), seen("master"), [{ what: "demoted" }, { what: "link-up" }, { what: "in-step" }]],
  ["a lost link", seen("master"), seen("master", "slave", "down"), [{ what: "link-down" }]],
  ["a link again", seen("master", "slave", "down"), seen("master"), [{ what: "link-up" }, { what: "in-step" }]],
  ["an epoch", seen("master"), seen("master", "slave", "up", 9), [{ what: "epoch", about: "redis-28:6379", value: 9 }]],
  ["nothing", seen("master"), seen("master"), []],
])("%s is seen", (_, before, now, events) => expect(pollEvents(before, now, nameOf)).toEqual(events));

test("the first look knows epochs alone", () => {
  expect(pollEvents(undefined, seen("master,fail"), nameOf)).toEqual([{ what: "epoch", about: "redis-28:6379", value: 1 }]);
});
