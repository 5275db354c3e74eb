import { cacheFolder } from "../bootstrap/cache.ts";
import { applyHosts, type HostOutcome } from "../bootstrap/runner.ts";
import { isLabError, LabError, messageOf } from "../error.ts";
import type { Emit } from "../events.ts";
import { placedInstances } from "../lab/placement.ts";
import { TARGETS } from "../lab/targets.ts";
import { isInsideTerraform } from "../project/provisioner.ts";
import { rotateSecrets, settleSecrets } from "../project/secrets-file.ts";
import { declaredSource, type LabState, writeState } from "../project/state.ts";
import { bootVms, nothingAnswers } from "./boot.ts";
import { hostsRefused } from "./errors.ts";
import { formerHosts } from "./former.ts";
import { withLabLock } from "./inside-terraform.ts";
import { layoutEngine } from "./layout.ts";
import { type LeaveReport, leaveFormerHosts } from "./leave.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { readiness } from "./ready.ts";
import { reconfigure } from "./reconfigure.ts";
import { restartRolling } from "./rolling.ts";
import { type Session, type SessionOptions, withSession } from "./session.ts";
import { readStatus, type Status } from "./status.ts";

/** What an `up` did and what stands now. */
export interface UpReport {
  readonly lab: string;
  readonly target: string;
  readonly declaredVersion: string;
  readonly version: string;
  /** Where the source came from, for people. */
  readonly origin: string;
  /** Number of things that were written, started, restarted or formed; 0 means that nothing was touched. */
  readonly changed: number;
  /** Hosts that failed or can't be reached. The others went on. */
  readonly failures: readonly HostFailure[];
  /** What was written and read back; undefined where the layout could not be formed. */
  readonly proof: string | undefined;
  readonly status: Status;
  /** Hosts that the lab declares no more and that have not left yet. Inside Terraform their leave is under way, and what the status says of them is no failure. */
  readonly departing: readonly string[];
  /** Hosts that left, with what was done for that. */
  readonly left: readonly LeaveReport[];
  /** Nothing failed, and the status shows no problem. */
  readonly ok: boolean;
  /** The command that ends the lab. */
  readonly takeDown: string;
}

export interface HostFailure {
  readonly host: string;
  /** Step that failed; undefined where the host was not reached. */
  readonly step: string | undefined;
  readonly code: string;
  readonly what: string;
  readonly next: string | undefined;
}

export interface UpOptions extends SessionOptions {
  /** Gives every instance a new generated password. @default false */
  readonly rotatePassword?: boolean;
  readonly now: () => Date;
}

/**
 * Brings a lab to what it declares: hosts first, then running instances whose configuration changed, then the layout, then restarts one by one. Everything is
 * looked at before it is changed, so a second run changes nothing and an interrupted one is continued.
 *
 * @throws LabError `project.*`, `secrets.*`, `source.*`, `operations.hosts-refused` before anything is touched; the engines' errors later
 */
export async function bringUp(options: UpOptions): Promise<UpReport> {
  return withLabLock(options, `up ${options.lab.name}`, () => bringUpLocked(options));
}

/** The same for a caller that holds the lab's lock. */
export async function bringUpLocked(options: UpOptions): Promise<UpReport> {
  const count = { changed: 0 };
  const emit = counting(options.emit, count);
  const boot = await bootVms({ ...options, emit });
  if (options.rotatePassword === true) await rotateSecrets(options.project, options.lab);
  const report = await withSession({ ...options, emit, reach: boot?.reach }, (session) => {
    if (boot?.blind === true && session.connections.size === 0) throw nothingAnswers(session.lab.name, session.unreachable);
    return bringSessionUp(session, options, count);
  });
  // The VM of a host that leaves is Terraform's to end, and so is its leave.
  const terraforms = isInsideTerraform(options.environment) || TARGETS[options.target].machines === "terraform";
  if (report.departing.length === 0 || report.failures.length > 0 || terraforms) return report;
  return afterDepartures(report, { ...options, emit }, count);
}

/** Those who are declared no more leave once those who are have their places: these may be the ones that take their slots. */
async function afterDepartures(report: UpReport, options: UpOptions, count: { changed: number }): Promise<UpReport> {
  const left = await leaveFormerHosts(options);
  count.changed += left.reduce((sum, { done }) => sum + done.length, 0);
  return withSession(options, async (session) => {
    const status = await readStatus(session);
    const ok = status.findings.every(({ severity }) => severity === "note");
    return { ...report, status, ok, changed: count.changed, left, departing: [] };
  });
}

async function bringSessionUp(before: Session, options: UpOptions, count: { readonly changed: number }): Promise<UpReport> {
  const prepared = await prepare(before);
  const { session, source } = prepared;
  assertAccepted(prepared);
  const { version, sha256, origin, fallback } = source;
  const state: LabState = {
    ...session.state,
    live: true,
    lastUp: options.now().toISOString(),
    source: { declared: declaredSource(session.lab), version, sha256, origin, fallback },
  };
  await writeState(session.paths, state);
  const outcomes = await applyHosts(
    [...prepared.hosts.values()].flatMap(({ host, facts, plan }) => {
      const connection = session.connections.get(host.name);
      return connection === undefined ? [] : [{ host, connection, facts, plan }];
    }),
    {
      placement: session.placement,
      secrets: session.secrets,
      source: prepared.source,
      builds: prepared.builds,
      cacheFolder: cacheFolder(),
      emit: session.emit,
      ready: readiness(session),
      ...(session.signal !== undefined && { signal: session.signal }),
    },
  );
  session.signal?.throwIfAborted();
  const failures = failuresOf(prepared, outcomes);
  const restarts = new Set(await reconfigure(prepared));
  for (const { plan } of prepared.hosts.values()) for (const { instance } of plan.restarts) restarts.add(instance);
  const engine = layoutEngine(session);
  const plan = await engine.plan();
  const complete = failures.length === 0;
  // With a host missing, what can be formed without it is formed; the engine refuses what can't.
  await plan.apply().catch((error: unknown) => {
    if (complete || !isLabError(error)) throw error;
    session.emit({ type: "step", host: undefined, step: "layout", state: "failed", detail: error.what });
  });
  await restartRolling(prepared, restarts);
  const proof = complete ? await engine.prove() : undefined;
  if (complete) {
    await settleSecrets(session.project, session.lab);
    await writeState(session.paths, { ...state, members: knownMembers(state, session) });
  }
  const status = await readStatus(session);
  const departing = [...formerHosts(session.lab, state).keys()];
  const leaves = departing.length > 0 && isInsideTerraform(options.environment);
  return {
    lab: session.lab.name,
    target: session.target,
    declaredVersion: session.lab.redis.version,
    version: source.version,
    origin: source.origin,
    changed: count.changed,
    failures,
    proof,
    status,
    departing,
    left: [],
    ok: complete && status.findings.every(({ severity, code }) => severity === "note" || (leaves && OF_THE_DEPARTING.has(code))),
    takeDown:
      session.placement.capabilities.machines === "terraform"
        ? `npx cdktf destroy ${session.lab.name}`
        : `npx redis-lab down ${session.lab.name}`,
  };
}

/** What a status says of instances that are declared no more. */
const OF_THE_DEPARTING: ReadonlySet<string> = new Set(["extra-member", "ghost-replica", "ghost-sentinel"]);

/** The instances of the lab now, and those it had before: a node that left the lab is still known in the cluster until it is removed there, and it is no stranger. */
function knownMembers(state: LabState, session: Session): LabState["members"] {
  const now = placedInstances(session.placement).map(({ id, address, port, kind, role }) => ({
    id,
    address,
    port,
    kind,
    ...("monitor" in role && { monitor: role.monitor }),
  }));
  const addresses = new Set(now.map(({ address, port }) => `${address}:${port}`));
  return [...now, ...state.members.filter(({ address, port }) => !addresses.has(`${address}:${port}`))];
}

/** Refusals of any host stop everything: nothing was touched yet. */
function assertAccepted({ hosts }: Prepared): void {
  const refused = [...hosts.values()].filter(({ plan }) => plan.refusals.length > 0);
  if (refused.length > 0)
    throw hostsRefused(refused.flatMap(({ host, plan }) => plan.refusals.map((refusal) => ({ host: host.name, ...refusal }))));
}

function failuresOf({ failed }: Prepared, outcomes: readonly HostOutcome[]): readonly HostFailure[] {
  const failure = (host: string, step: string | undefined, error: unknown): HostFailure => ({
    host,
    step,
    code: error instanceof LabError ? error.code : "defect",
    what: error instanceof LabError ? error.what : messageOf(error),
    next: error instanceof LabError ? error.next : undefined,
  });
  return [
    ...[...failed].map(([host, error]) => failure(host, undefined, error)),
    ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [failure(outcome.host, outcome.step, outcome.error)])),
  ];
}

function counting(emit: Emit, count: { changed: number }): Emit {
  return (event) => {
    if (event.type === "step" && event.state === "changed") count.changed += 1;
    emit(event);
  };
}
