import { messageOf } from "../base/error.ts";
import { allSettledLimited } from "../base/limit.ts";
import { NO_TIMEOUT_MS } from "../base/wait.ts";
import type { Connection, RunOptions } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import { type PlacedInstance, placedInstances } from "../lab/placement.ts";
import { logTime, offsetOf } from "../redis/log-line.ts";
import { connectionTo, HOST_CONCURRENCY, type Session } from "./session.ts";

/** The end of one instance's log. */
export interface LogTail {
  readonly instance: string;
  readonly lines: readonly string[];
  /** Of the host's time zone, in minutes from UTC. */
  readonly offsetMinutes: number;
}

/** One line of a lab's logs. */
export interface LabLogLine {
  readonly instance: string;
  readonly line: string;
}

export interface LabLogs {
  /** By time. */
  readonly lines: readonly LabLogLine[];
  /** Logs that could not be read, with the reason. */
  readonly failures: readonly { readonly instance: string; readonly error: string }[];
  /** Hands over each further line of all logs as it comes, until the session's signal ends it. @param room as in RunOptions */
  follow(onLine: (line: LabLogLine) => void, room: RunOptions["room"]): Promise<void>;
}

/** The last lines of the logs of all instances, as one log. @param count of each */
export async function labLogs(session: Session, count: number, now: () => Date): Promise<LabLogs> {
  const { placement, signal } = session;
  const sources = placedInstances(placement);
  const results = await allSettledLimited(sources, HOST_CONCURRENCY, (instance) =>
    readTail(connectionTo(session, instance.host), instance, count, signal),
  );
  signal?.throwIfAborted();
  const read = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return {
    lines: mergeLogs(
      read.map(({ tail }) => tail),
      count,
      now().getTime(),
    ),
    failures: results.flatMap((result, index) =>
      result.status === "rejected" ? [{ instance: sources[index]?.id ?? "", error: messageOf(result.reason) }] : [],
    ),
    async follow(onLine, room) {
      const followed = read.map(({ instance, bytes }) =>
        followFrom(connectionTo(session, instance.host), instance, bytes, { onLine, room, signal }),
      );
      await Promise.allSettled(followed);
    },
  };
}

/** Where the log ends at this moment is where following it begins: no line is lost between. */
async function readTail(connection: Connection, instance: PlacedInstance, count: number, signal: AbortSignal | undefined) {
  const { logFile } = instance;
  const script = sh`date +%z
if [ -r ${logFile} ]; then bytes=$(($(wc -c < ${logFile}))); else bytes=0; fi
echo "$bytes"
if [ "$bytes" -gt 0 ]; then head -c "$bytes" ${logFile} | tail -n ${count}; fi`;
  const result = await connection.run(script, { title: "tail", root: true, signal });
  const [zone = "", bytes = "0", ...lines] = result.stdout.replace(/\n$/, "").split("\n");
  const tail: LogTail = { instance: instance.id, lines, offsetMinutes: offsetOf(zone) };
  return { instance, bytes: Number(bytes), tail };
}

async function followFrom(
  connection: Connection,
  instance: PlacedInstance,
  bytes: number,
  {
    onLine,
    room,
    signal,
  }: { readonly onLine: (line: LabLogLine) => void; readonly room: RunOptions["room"]; readonly signal: AbortSignal | undefined },
): Promise<void> {
  // -F: a log that is rotated, or that does not exist yet, is followed all the same.
  await connection.run(sh`exec tail --pid=$PPID -c ${`+${bytes + 1}`} -F ${instance.logFile} 2>/dev/null`, {
    title: "tail",
    root: true,
    onLine: (line) => onLine({ instance: instance.id, line }),
    room,
    kept: "end",
    signal,
    timeoutMs: NO_TIMEOUT_MS,
  });
}

/** Several logs as one, by time; lines without a time stay behind the line that they follow. @param count how many of the last lines are kept */
export function mergeLogs(tails: readonly LogTail[], count: number, nowMs: number): readonly LabLogLine[] {
  const timed = tails.flatMap(({ instance, lines, offsetMinutes }) => {
    const times = lines.map((line) => logTime(line, offsetMinutes, nowMs));
    let last = times.find((time) => time !== undefined) ?? 0;
    return lines.map((line, index) => {
      last = Math.max(last, times[index] ?? last);
      return { instance, line, time: last };
    });
  });
  // Sorting is stable: lines of one moment keep the order of their log.
  const merged = timed.sort((a, b) => a.time - b.time).map(({ instance, line }) => ({ instance, line }));
  return count === 0 ? [] : merged.slice(-count);
}
