import type { Finding } from "../base/finding.ts";
import { expectedError } from "../base/system-error.ts";
import { readStartNote } from "../bootstrap/start-note.ts";
import type { LayoutKind } from "../lab/layouts.ts";
import { silenceOf } from "../redis/silence.ts";
import { downSince } from "./down-since.ts";
import { failoversDue } from "./failover-due.ts";
import type { LayoutStatus, StatusRow } from "./layouts/row.ts";
import { layoutOperations } from "./layouts.ts";
import type { Session } from "./session.ts";

export type { StatusRow } from "./layouts/row.ts";

/** What `status` reports: the layout as its instances see it now. */
export interface Status extends LayoutStatus {
  readonly lab: string;
  readonly target: string;
  readonly layout: LayoutKind;
  /** Of Redis, as the lab declares it. */
  readonly declaredVersion: string;
  /** No finding is more than a note. */
  readonly healthy: boolean;
}

/** Observes the layout and tells it row by row. Healthy: no finding that is a problem. @throws the reason of the session's signal */
export async function readStatus(session: Session): Promise<Status> {
  const { lab, target, signal } = session;
  const { rows: seen, findings: found } = await layoutOperations(session).status();
  const rows = await Promise.all(seen.map((row) => (row.state === "down" ? withStartNote(session, row) : row)));
  // What was given up is not a status.
  signal?.throwIfAborted();
  const findings = seen.every(isSilent) ? [nothingAnswers(session, seen)] : [...found, ...failoversDue(rows, lab)];
  const healthy = findings.every(({ severity }) => severity === "note");
  return { lab: lab.name, target, layout: lab.layout.kind, declaredVersion: lab.redis.version, healthy, rows, findings };
}

const isSilent = ({ state }: StatusRow) => state === "down" || state === "silent";

/** Of a lab in which nothing answers one thing is said, and none of its layout. */
function nothingAnswers({ state }: Session, rows: readonly StatusRow[]): Finding {
  const silent = rows.map((row) => ({
    id: row.instance,
    error: row.note,
    ...(row.next !== undefined && { next: row.next }),
    ...(row.state === "down" && { nothingListens: true as const }),
  }));
  const { text, next } = silenceOf(silent);
  const since = downSince(state);
  return { code: "nothing-answers", severity: "problem", instance: undefined, text: since === undefined ? text : `${text} ${since}`, next };
}

/** An instance that is down because it waits before its start says so on its host. */
async function withStartNote({ placement, connections }: Session, row: StatusRow): Promise<StatusRow> {
  const host = placement.hosts.find(({ name }) => name === row.host);
  const instance = host?.instances.find(({ id }) => id === row.instance);
  const connection = connections.get(row.host);
  if (host === undefined || instance === undefined || connection === undefined) return row;
  const note = await readStartNote(connection, host, instance).catch((error: unknown) => void expectedError(error));
  return note?.startsWith("waits") ? { ...row, note } : row;
}
