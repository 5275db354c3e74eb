import { messageOf } from "../base/error.ts";
import { allSettledLimited } from "../base/limit.ts";
import { NO_TIMEOUT_MS } from "../base/wait.ts";
import type { Connection, RunOptions } from "../connection/connection.ts";
import type { Kept } from "../connection/output.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import { noHostOfRole } from "./errors.ts";
import type { StatusRow } from "./layouts/row.ts";
import { connectionTo, type Session, type SessionOptions, withSession } from "./session.ts";
import { readStatus } from "./status.ts";

/** How the command ended on one host. */
export interface ExecOutcome {
  readonly host: string;
  /** Null where it did not come to its end. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it could not be run, or what ended it. */
  readonly error: string | undefined;
}

export interface ExecReport {
  readonly lab: string;
  readonly target: string;
  readonly command: string;
  readonly hosts: readonly ExecOutcome[];
}

export interface HostCommandOptions extends SessionOptions {
  /** Words of a shell command; they are joined with blanks, as ssh does it. */
  readonly command: readonly string[];
  /** Hosts that have an instance of this role now. @default all hosts */
  readonly role?: StatusRow["role"] | undefined;
  /** Hosts at the same time. */
  readonly atOnce: number;
  /** Called with each line of both outputs as it comes. */
  readonly onLine: (host: string, line: string) => void;
  /** While it gives a promise, no more is read. */
  readonly room: RunOptions["room"];
  /** What of the outputs is in the report. */
  readonly kept: Kept;
}

/**
 * Runs one command on all hosts: as the user that redis-lab logs in with, on this computer in the host's folder with its programs on the PATH, as `redis-lab ssh` does.
 *
 * @throws LabError `operations.no-host-of-role`
 */
export async function execOnHosts(options: HostCommandOptions): Promise<ExecReport> {
  const { lab, target, atOnce, onLine, room, kept, signal } = options;
  const command = options.command.join(" ");
  return withSession(options, async (session) => {
    const hosts = await hostsOf(session, options.role);
    const results = await allSettledLimited(hosts, atOnce, async (host) => {
      return runOn(connectionTo(session, host.name), scriptFor(session.placement, host, command), {
        onLine: (line) => onLine(host.name, line),
        room,
        kept,
        signal,
      });
    });
    signal?.throwIfAborted();
    return {
      lab: lab.name,
      target,
      command,
      hosts: results.map((result, index) => {
        const host = hosts[index]?.name ?? "";
        return result.status === "fulfilled"
          ? { host, ...result.value }
          : { host, exitCode: null, stdout: "", stderr: "", error: messageOf(result.reason) };
      }),
    };
  });
}

async function hostsOf(session: Session, role: StatusRow["role"] | undefined): Promise<readonly PlacedHost[]> {
  const { hosts } = session.placement;
  if (role === undefined) return hosts;
  const { rows } = await readStatus(session);
  const found = hosts.filter(({ name }) => rows.some((row) => row.host === name && row.role === role));
  if (found.length === 0) throw noHostOfRole(session.lab.name, role, [...new Set(rows.map((row) => row.role))]);
  return found;
}

/** What the user typed is shell, and is meant as such. */
function scriptFor({ capabilities, lab }: Placement, host: PlacedHost, command: string): string {
  if (capabilities.connection !== "local") return command;
  const { prefix, bin } = host.paths;
  const absent = `${host.name} has no folder yet. Bring the lab up first: redis-lab up ${lab.name}`;
  return `${sh`cd ${prefix} 2>/dev/null || { echo ${absent} >&2; exit 1; }
PATH=${bin}:$PATH; export PATH`}\n${command}`;
}

async function runOn(
  connection: Connection,
  script: string,
  options: Pick<RunOptions, "onLine" | "room" | "kept" | "signal">,
): Promise<Omit<ExecOutcome, "host">> {
  // How long it takes is the affair of who typed it.
  const result = await connection.run(script, { title: "the command", ...options, timeoutMs: NO_TIMEOUT_MS });
  const { exitCode, stdout, stderr } = result;
  return { exitCode, stdout, stderr, error: exitCode === null ? `ended by ${result.signal ?? "a signal"}` : undefined };
}
