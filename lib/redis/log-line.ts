const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** `1234:M 30 Nov 21:10:43.123 * text` up to 4.0, with the year behind the month from 5.0 on (serverLogRaw in server.c of 4.0.14 and 5.0.14). */
const LINE = /^\d+:[A-Za-z] (?<day>\d{2}) (?<month>[A-Z][a-z]{2})(?: (?<year>\d{4}))? (?<h>\d{2}):(?<m>\d{2}):(?<s>\d{2})\.(?<ms>\d{3}) /;

/**
 * When a line of a server's log was written, in milliseconds since the epoch; undefined for a line without a time, such as those of the start-up picture.
 *
 * @param offsetMinutes of the host's time zone from UTC: logs have local times
 * @param nowMs stands in for the year that logs of 4.0 lack: no line is of the future
 */
export function logTime(line: string, offsetMinutes: number, nowMs: number): number | undefined {
  const { day, month, year, h, m, s, ms } = LINE.exec(line)?.groups ?? {};
  const at = MONTHS.indexOf(month ?? "");
  if (at === -1) return undefined;
  const inYear = (which: number) => Date.UTC(which, at, Number(day), Number(h), Number(m), Number(s), Number(ms)) - offsetMinutes * 60_000;
  if (year !== undefined) return inYear(Number(year));
  const thisYear = new Date(nowMs).getUTCFullYear();
  // A day of slack: the clock of a host may be ahead.
  return inYear(thisYear) <= nowMs + 86_400_000 ? inYear(thisYear) : inYear(thisYear - 1);
}

/** `+0530` of date(1) in minutes; 0 for what is not an offset. */
export function offsetOf(zone: string): number {
  const { sign, hours, minutes } = /^(?<sign>[+-])(?<hours>\d{2})(?<minutes>\d{2})$/.exec(zone.trim())?.groups ?? {};
  const value = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
  return sign === "-" ? -value : value;
}
