import type { Status, StatusRow } from "../operations/status.ts";

/** What changed from one look to the next, one line each, in the order of the rows; empty where nothing did. */
export function changesBetween(before: Status, after: Status): readonly string[] {
  const known = new Map(before.rows.map((row) => [row.instance, row]));
  const rows = after.rows.flatMap((row) => {
    const old = known.get(row.instance);
    return old === undefined ? [`${row.instance} is there`] : rowChanges(old, row);
  });
  const now = new Set(after.rows.map(({ instance }) => instance));
  const gone = before.rows.filter(({ instance }) => !now.has(instance)).map(({ instance }) => `${instance} is gone`);
  const health = before.healthy === after.healthy ? [] : [`${after.lab} is ${after.healthy ? "healthy" : "not healthy"}`];
  return [...rows, ...gone, ...health];
}

function rowChanges(old: StatusRow, row: StatusRow): readonly string[] {
  const { instance } = row;
  if (row.state === "down") return old.state === "down" ? [] : [`${instance} is down (it was a ${old.role})`];
  return [
    ...(old.state === row.state ? [] : [`${instance} is ${row.state}`]),
    ...(old.role === row.role ? [] : [`${instance} is a ${row.role}${old.role === "unknown" ? "" : ` (it was a ${old.role})`}`]),
    ...(old.master === row.master || row.master === "" ? [] : [`${instance} follows ${row.master}`]),
    ...(old.slots === row.slots || old.state === "down" ? [] : [`${instance} has ${row.slotCount} slots (it had ${old.slotCount})`]),
    ...(old.version === row.version || old.version === "" ? [] : [`${instance} runs ${row.version} (it ran ${old.version})`]),
  ];
}

/** Instances of which something changed: they are marked. */
export function changedInstances(before: Status, after: Status): ReadonlySet<string> {
  const known = new Map(before.rows.map((row) => [row.instance, row]));
  return new Set(
    after.rows.flatMap((row) => {
      const old = known.get(row.instance);
      return old === undefined || rowChanges(old, row).length > 0 ? [row.instance] : [];
    }),
  );
}

/** `21:10:43`, as the clock of this computer has it. */
export function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** What a screen shows: a first line with the clock, the status, and the last events, no line longer and no more lines than there is room for. */
export function watchScreen(
  parts: {
    readonly title: string;
    readonly status: string;
    /** The latest last. */
    readonly events: readonly string[];
  },
  room: { readonly rows: number | undefined },
): string {
  const status = parts.status.split("\n");
  const head = [parts.title, "", ...status];
  const rows = room.rows ?? Number.POSITIVE_INFINITY;
  const left = Math.max(0, Math.min(parts.events.length, rows - head.length - 2));
  const lines = [...head, ...(left === 0 ? [] : ["", ...parts.events.slice(-left)])];
  return (lines.length > rows ? lines.slice(0, rows) : lines).join("\n");
}
