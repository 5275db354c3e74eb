import { LabError } from "../../base/error.ts";
import { NO_TIMEOUT_MS } from "../../base/wait.ts";
import { sh } from "../../connection/quote.ts";
import type { Secrets } from "../../lab/secrets.ts";
import { findHost, findInstance } from "../../operations/find.ts";
import { type LabLogLine, labLogs } from "../../operations/lab-logs.ts";
import { connectionTo, withSession } from "../../operations/session.ts";
import { mask } from "../../render/mask.ts";
import { prefixed } from "../../report/exec.ts";
import { printLine, room, say } from "../../report/print.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

interface LogOptions {
  readonly lines: number;
  readonly follow: boolean;
}

export async function logs(
  context: VerbContext,
  { all, ...options }: LogOptions & { readonly all: boolean },
  { host }: { readonly host: string | undefined },
): Promise<number> {
  if (all === (host !== undefined)) throw whichLogs(context.lab.name);
  return host === undefined ? logsOfLab(context, options) : logsOfHost(context, options, host);
}

function whichLogs(lab: string): LabError {
  return new LabError({
    code: "cli.which-logs",
    kind: "usage",
    what: "Name a host or an instance, or say --all, not both.",
    next: `For example: redis-lab logs ${lab} HOST, or redis-lab logs ${lab} --all`,
  });
}

async function logsOfHost(context: VerbContext, { lines, follow }: LogOptions, reference: string): Promise<number> {
  const placement = placementOf(context);
  const hostName = reference.split(":")[0] ?? "";
  const host = findHost(placement, hostName);
  const files = (reference.includes(":") ? [findInstance(placement, reference)] : host.instances).map(({ logFile }) => logFile);
  return withSession({ ...context, emit: () => {}, hosts: [hostName] }, async (session) => {
    const { secrets } = session;
    const connection = connectionTo(session, hostName);
    const write = (line: string) => printLine(masked(line, secrets));
    // -F: a log that is rotated, or that does not exist yet, is followed all the same.
    const script = follow ? sh`exec tail --pid=$PPID -n ${lines} -F ${files}` : sh`exec tail -n ${lines} ${files}`;
    const result = await connection
      .run(script, {
        title: "tail",
        root: true,
        onLine: write,
        room,
        kept: "end",
        signal: context.signal,
        timeoutMs: follow ? NO_TIMEOUT_MS : 60_000,
      })
      .catch((error: unknown) => {
        if (context.signal.aborted) return undefined;
        throw error;
      });
    if (result !== undefined && result.exitCode !== 0) say(result.stderr, false);
    return result?.exitCode === 0 || context.signal.aborted ? EXIT.done : EXIT.failed;
  });
}

/** All logs as one, each line behind the name of its instance. */
async function logsOfLab(context: VerbContext, { lines, follow }: LogOptions): Promise<number> {
  const width = Math.max(...placementOf(context).hosts.flatMap(({ instances }) => instances.map(({ id }) => id.length)));
  return withSession({ ...context, emit: () => {} }, async (session) => {
    const write = ({ instance, line }: LabLogLine) => printLine(prefixed(instance, masked(line, session.secrets), width));
    const merged = await labLogs(session, lines, () => new Date());
    merged.lines.forEach(write);
    for (const { instance, error } of merged.failures) say(`${instance}: ${error}\n`, false);
    if (follow) await merged.follow(write, room);
    return merged.failures.length === 0 || context.signal.aborted ? EXIT.done : EXIT.failed;
  });
}

/** A line of a log without a password: a sentinel logs the value of SENTINEL SET, the password that a rotation brings included (sentinelSetCommand in sentinel.c of 4.0.14 to 7.0.15). */
function masked(line: string, secrets: Secrets): string {
  return mask(line, secrets).replace(/(\bauth-pass )(?!<)\S+/g, "$1<another password>");
}
