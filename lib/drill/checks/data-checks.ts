import { plural } from "../../base/text.ts";
import type { EventKind } from "../history.ts";
import { UNSAID } from "../words.ts";
import type { HistoryCheck } from "./row.ts";
import type { Occurrences } from "./tally.ts";

// What became of the data.

export const DATA_CHECKS: readonly HistoryCheck[] = [
  {
    name: "lost",
    about: "every acknowledged write is there at the end",
    needs: ["final"],
    metric: "lost",
    check: ({ tally }) => said(tally.lost, (count) => `${plural(count, "acknowledged write")} gone`),
  },
  {
    name: "looked-at",
    about: "every acknowledged write was looked for at the end",
    needs: ["final"],
    check: ({ tally }) =>
      tally.unseen === 0 ? [] : [`${plural(tally.unseen, "acknowledged write")} not looked for: there is no final value of their keys`],
  },
  {
    name: "phantom",
    about: "no refused write is there at the end",
    needs: ["final"],
    metric: "phantom",
    check: ({ tally }) => said(tally.phantom, (count) => `${plural(count, "write")} refused, yet there`),
  },
  {
    name: "stale",
    about: "no read gives an older value than one that was acknowledged before it began",
    needs: [],
    metric: "stale",
    check: ({ tally }) => said(tally.stale, (count) => plural(count, "stale read")),
  },
  {
    name: "monotonic",
    about: "no reader sees an older value than it has seen before",
    needs: [],
    metric: "backwards",
    check: ({ tally }) => said(tally.backwards, (count) => `${plural(count, "read")} that went back`),
  },
  {
    name: "counters",
    about: "every counter is between acknowledged and acknowledged + unknown",
    needs: ["final"],
    metric: "counters",
    check: ({ tally }) => said(tally.counterFaults, (count) => `${plural(count, "counter")} out of bounds`),
  },
  {
    name: "writable",
    about: "every shard acknowledges writes again once the lab is said to be healthy",
    needs: ["events", "end"],
    check: ({ shards, events, tally }) => {
      const settled = events.findLast(({ what }) => what === "settled")?.t;
      const ended = events.findLast(({ what }) => what === "load-ended")?.t ?? tally.lastMicros;
      // A load that ended before, or at that moment, says nothing of it.
      if (settled === undefined || ended <= settled) return [];
      return shards
        .filter(({ write }) => write.lastAcknowledgedMicros === undefined || write.lastAcknowledgedMicros < settled)
        .map(({ shard }) => `${shard} acknowledged no write after the lab was said to be healthy`);
    },
  },
  {
    name: "played",
    about: "the fault was made, and the lab was healthy afterwards",
    needs: ["end"],
    check: ({ header, events }) => {
      if (header.drill === undefined) return [];
      const lacks = (what: EventKind) => !events.some((event) => event.what === what);
      const why = events.find(({ what, source }) => what === "note" && source === "drill")?.text;
      if (lacks("fault")) return [`no fault was made${why === undefined ? "" : `: ${why.split("\n")[0]}`}`];
      return lacks("settled") ? ["the lab was not healthy again"] : [];
    },
  },
  {
    name: "said",
    about: "status said what it had to say",
    needs: ["events"],
    check: ({ events }) => events.flatMap(({ text }) => (text?.startsWith(UNSAID) === true ? [text] : [])),
  },
  {
    name: "clock",
    about: "times run forward, and no clock of a host jumped",
    needs: [],
    check: ({ tally, events }) => [
      ...said(tally.clockFaults, (count) => `${plural(count, "time")} of operations run backwards, so no duration can be believed`),
      ...events
        .filter(({ what }) => what === "clock-jumped")
        .map(({ node, value = 0 }) => `the clock of ${node ?? "a host"} jumped by ${value} ms: times of its log are doubtful`),
    ],
  },
];

function said({ count, examples }: Occurrences, words: (count: number) => string): readonly string[] {
  return count === 0 ? [] : [`${words(count)}: ${examples.join(", ")}${count > examples.length ? ", …" : ""}`];
}
