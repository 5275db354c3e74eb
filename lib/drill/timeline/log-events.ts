import type { EventKind, EventLine } from "../history.ts";

/** What a line of a log or a message of a sentinel tells, without its time. */
export type SeenEvent = Pick<EventLine, "what" | "about" | "text" | "value">;

/** `HOST:PORT` of a node id, a run id or `ADDRESS:PORT`; undefined for a stranger. */
export type NameOf = (idOrAddress: string) => string | undefined;

interface Wording {
  readonly pattern: RegExp;
  readonly what: EventKind;
}

/**
 * Words of redis-server, as cluster.c, replication.c and server.c of 4.0.14 and 7.0.15 log them. `about` is a node id or an address, `value` a number. 7.0 says replica where 4.0 says slave, and 7.2 puts a name behind
 * each id.
 */
const WORDINGS: readonly Wording[] = [
  { pattern: /Marking node (?<about>[0-9a-f]{40})\b.* as failing \(quorum reached\)/, what: "failed" },
  { pattern: /FAIL message received from [0-9a-f]{40}\b.*? about (?<about>[0-9a-f]{40})/, what: "failed" },
  { pattern: /Clear FAIL state for node (?<about>[0-9a-f]{40})\b/, what: "suspicion-withdrawn" },
  { pattern: /Cluster state changed: fail/, what: "cluster-down" },
  { pattern: /Cluster state changed: ok/, what: "cluster-up" },
  { pattern: /Starting a failover election for epoch (?<value>\d+)/, what: "election" },
  { pattern: /Failover auth granted to (?<about>[0-9a-f]{40})\b.* for epoch (?<value>\d+)/, what: "vote" },
  { pattern: /Failover auth denied to (?<about>[0-9a-f]{40})\b/, what: "note" },
  { pattern: /Currently unable to failover: /, what: "note" },
  { pattern: /Start of election delayed for (?<value>\d+) milliseconds/, what: "note" },
  { pattern: /Manual failover (?:timed out|user request accepted)|Forced failover user request/, what: "note" },
  { pattern: /Failover election won: I'm the new master|MASTER MODE enabled/, what: "promoted" },
  { pattern: /Configuration change detected\. Reconfiguring myself as a replica of [0-9a-f]{40}/, what: "demoted" },
  { pattern: /(?:MASTER <-> )(?:SLAVE|REPLICA) sync: receiving (?<value>\d+) bytes from master/, what: "full-resync" },
  { pattern: /(?:MASTER <-> )(?:SLAVE|REPLICA) sync: receiving streamed RDB from master/, what: "full-resync" },
  { pattern: /Successful partial resynchronization with master/, what: "partial-resync" },
  { pattern: /(?:MASTER <-> )(?:SLAVE|REPLICA) sync: Finished with success/, what: "in-step" },
  { pattern: /Connection with master lost/, what: "link-down" },
  { pattern: /Redis is now ready to exit, bye bye|Sentinel is now ready to exit, bye bye/, what: "process-gone" },
  { pattern: /[Rr]eady to accept connections/, what: "process-back" },
  {
    pattern:
      /Can't save in background|Background saving error|Error (?:writing|trying to write) .*(?:AOF|RDB)|Fatal: can't update cluster config file/,
    what: "note",
  },
];

/** `1234:M 30 Nov 21:10:43.123 * text`: process, role, time, level. */
const HEAD = /^\d+:[A-Za-z] \d{2} [A-Z][a-z]{2}(?: \d{4})? [\d:.]+ [.\-*#] /;
/** `+sdown master mymaster 127.0.2.18 6379`, as a sentinel logs what it publishes. */
const SENTINEL = /^(?<channel>[+-][a-z-]+) (?<message>.*)$/;

/** What a line of a log tells; undefined for all that is no news of a failover. */
export function logEvent(line: string, nameOf: NameOf): SeenEvent | undefined {
  const text = line.replace(HEAD, "");
  if (text === line) return undefined;
  const published = SENTINEL.exec(text)?.groups;
  if (published !== undefined) return sentinelEvent(published["channel"] ?? "", published["message"] ?? "", nameOf);
  for (const { pattern, what } of WORDINGS) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const { about, value } = found.groups ?? {};
    const named = about === undefined ? undefined : (nameOf(about) ?? about);
    return {
      what,
      ...(named !== undefined && { about: named }),
      ...(value !== undefined && { value: Number(value) }),
      text: text.slice(0, 300),
    };
  }
  return undefined;
}

/** Channels of a sentinel, and what a message on them means. `+set` is none of these: it carries passwords. */
export const SENTINEL_CHANNELS: Readonly<Record<string, EventKind>> = {
  "+sdown": "suspected",
  "-sdown": "suspicion-withdrawn",
  "+odown": "failed",
  "-odown": "suspicion-withdrawn",
  "+new-epoch": "epoch",
  "+try-failover": "election",
  "+vote-for-leader": "vote",
  "+elected-leader": "note",
  "+selected-slave": "note",
  "+promoted-slave": "promoted",
  "+switch-master": "promoted",
  "+slave-reconf-done": "link-up",
  "+convert-to-slave": "demoted",
  "+failover-end": "note",
  "+failover-end-for-timeout": "note",
  "-failover-abort-not-elected": "note",
  "-failover-abort-no-good-slave": "note",
  "-failover-abort-slave-timeout": "note",
  "+tilt": "tilt",
  "-tilt": "note",
  "+config-update-from": "note",
};

/** What a sentinel says on a channel. `+sdown` and `-sdown` of others than a master are reported as notes of that instance. */
export function sentinelEvent(channel: string, message: string, nameOf: NameOf): SeenEvent | undefined {
  const what = Object.hasOwn(SENTINEL_CHANNELS, channel) ? SENTINEL_CHANNELS[channel] : undefined;
  if (what === undefined) return undefined;
  const words = message.split(" ");
  const text = `${channel} ${message}`.slice(0, 300);
  if (channel === "+new-epoch") return { what, value: Number(words[0] ?? 0), text };
  if (channel === "+switch-master") return { what, ...named(nameOf, words[3], words[4]), text };
  if (channel === "+vote-for-leader") return { what, ...named(nameOf, words[0]), text };
  const [kind, , address, port] = words;
  if (kind === "tilt" || what === "tilt") return { what, text };
  const of = named(nameOf, address, port);
  // A sentinel or a replica that is down is no reason for a failover.
  return (what === "suspected" || what === "suspicion-withdrawn") && kind !== "master"
    ? { what: "note", ...of, text }
    : { what, ...of, text };
}

function named(nameOf: NameOf, address: string | undefined, port?: string): { readonly about?: string } {
  if (address === undefined) return {};
  const whole = port === undefined ? address : `${address}:${port}`;
  return { about: nameOf(whole) ?? whole };
}
