import { cacheFolder } from "../base/cache-folder.ts";
import { isLabError } from "../base/error.ts";
import { applyHosts, type HostOutcome } from "../bootstrap/runner.ts";
import { placedInstances } from "../lab/placement.ts";
import { TARGETS } from "../lab/targets.ts";
import { isInsideTerraform } from "../project/project.ts";
import { rotateSecrets, settleSecrets } from "../project/secrets-file.ts";
import { declaredSource, type LabState, readState, writeState } from "../project/state.ts";
import { type ChangeCount, countChanges } from "./count-changes.ts";
import { hostsRefused } from "./errors.ts";
import { type HostFailure, hostFailure } from "./host-failure.ts";
import { layoutOperations } from "./layouts.ts";
import { formerHosts } from "./leaving/former.ts";
import { type LeaveReport, leaveFormerHosts } from "./leaving/leave.ts";
import { putBackMinReplicas } from "./min-replicas.ts";
import { raiseNetwork } from "./network.ts";
import { type Prepared, prepare, somethingRan } from "./prepare.ts";
import { readiness } from "./ready.ts";
import { reconfigure } from "./reconfigure.ts";
import { instancesOfOtherBuild, restartRolling, restartUnlinked } from "./rolling.ts";
import { type Session, type SessionOptions, withSession } from "./session.ts";
import { readStatus, type Status } from "./status.ts";
import { bootVms, nothingAnswers } from "./vms/boot.ts";
import { withLabLock } from "./vms/inside-terraform.ts";

/** What an `up` did and what stands now. */
export interface UpReport {
  readonly lab: string;
  readonly target: string;
  /** Of Redis, as the lab declares it. */
  readonly declaredVersion: string;
  /** Of Redis, that was installed: another one than declared where its source could not be had. */
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
  /** Hosts that the lab declares no more and that have not left yet. Inside Terraform their leave is under way, and what the status says of them is not a failure. */
  readonly departing: readonly string[];
  /** Hosts that left, with what was done for that. */
  readonly left: readonly LeaveReport[];
  /** Nothing failed, and the status shows no problem. */
  readonly ok: boolean;
  /** The command that ends the lab. */
  readonly takeDown: string;
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
  const count = countChanges();
  const emit = count.counting(options.emit);
  const boot = await bootVms({ ...options, emit });
  if (options.rotatePassword === true) await rotateSecrets(options.project, options.lab);
  const report = await withSession({ ...options, emit, reach: boot?.reach }, (session) => {
    if (boot?.blind === true && session.connections.size === 0) throw nothingAnswers(session.lab.name, session.unreachable);
    return bringSessionUp(session, options, count);
  });
  // The VM of a host that leaves is Terraform's to end, and so is its leave.
  const terraforms = isInsideTerraform(options.environment) || TARGETS[options.target].machines === "terraform";
  if (report.departing.length === 0 || report.failures.length > 0 || terraforms) return report;
  return afterDepartures(report, options, count);
}

/** Those who are declared no more leave once those who are have their places: these may be the ones that take their slots. */
async function afterDepartures(report: UpReport, options: UpOptions, count: ChangeCount): Promise<UpReport> {
  const left = await leaveFormerHosts(options);
  return withSession(options, async (session) => {
    const status = await readStatus(session);
    const ok = status.findings.every(({ severity }) => severity === "note");
    return { ...report, status, ok, changed: count.changed + left.length, left, departing: [] };
  });
}

async function bringSessionUp(before: Session, options: UpOptions, count: ChangeCount): Promise<UpReport> {
  const prepared = await prepare(before);
  const { session, source } = prepared;
  assertAccepted(prepared);
  const { version, sha256, origin, fallback } = source;
  const state: LabState = {
    ...session.state,
    live: true,
    ...(!session.state.live && { since: options.now().toISOString() }),
    lastUp: options.now().toISOString(),
    source: { declared: declaredSource(session.lab), version: version.text, sha256, origin, fallback },
  };
  await writeState(session.paths, state);
  await raiseNetwork(session);
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
      signal: session.signal,
    },
  );
  session.signal?.throwIfAborted();
  const failures = failuresOf(prepared, outcomes);
  const failed = new Set(failures.map(({ host }) => host));
  // What runs on a host that failed is not restarted: it may have the files of the new build without its programs.
  const able: Prepared = { ...prepared, hosts: new Map([...prepared.hosts].filter(([host]) => !failed.has(host))) };
  const done = await restartUnlinked(able);
  await putBackMinReplicas(session);
  const restarts = new Set(await reconfigure(prepared, done));
  for (const { plan } of able.hosts.values()) for (const { instance } of plan.restarts) if (!done.has(instance)) restarts.add(instance);
  const layout = layoutOperations(session);
  const plan = await layout.plan();
  session.signal?.throwIfAborted();
  const complete = failures.length === 0;
  const restarting = new Set([...instancesOfOtherBuild(able)].filter((id) => !done.has(id)));
  const form = () => plan.apply(restarting);
  // With a host missing, what can be formed without it is formed; the engine refuses what can't.
  await (somethingRan(prepared) ? form() : count.asOne(form)).catch((error: unknown) => {
    if (complete || !isLabError(error)) throw error;
    session.emit({ type: "step", host: undefined, step: "layout", state: "failed", detail: error.what });
  });
  await restartRolling(prepared, restarts);
  session.signal?.throwIfAborted();
  if (complete && session.placement.openSentinels === true) await closeSentinels(before);
  const proof = complete ? await layout.prove() : undefined;
  if (complete) {
    await settleSecrets(session.project, session.lab, session.secrets);
    // Restarts have written down meanwhile which shards they failed over.
    await writeState(session.paths, { ...(await readState(session.paths)), members: knownMembers(state, session) });
  }
  const status = await readStatus(session);
  const departing = [...formerHosts(session.lab, state).keys()];
  const leaves = departing.length > 0 && isInsideTerraform(options.environment);
  return {
    lab: session.lab.name,
    target: session.target,
    declaredVersion: session.lab.redis.version,
    version: source.version.text,
    origin: source.origin,
    changed: count.changed,
    failures,
    proof,
    status,
    departing,
    left: [],
    ok: complete && status.findings.every(({ severity, code }) => severity === "note" || (leaves && layout.departing.includes(code))),
    takeDown:
      session.placement.capabilities.machines === "terraform"
        ? `npx cdktf destroy ${session.lab.name}`
        : `npx redis-lab down ${session.lab.name}`,
  };
}

/** The password of sentinels, now that all of them are of a version that knows one. A run that is cut off before it leaves it to the next, which finds files without one. */
async function closeSentinels(before: Session): Promise<void> {
  // What there is to say of the lab was said when it was prepared first.
  const emit: Session["emit"] = (event) => event.type !== "notice" && before.emit(event);
  const again = await prepare({ ...before, emit });
  await restartRolling(again, new Set(await reconfigure(again)));
  before.signal?.throwIfAborted();
}

/** The instances of the lab now, and those it had before: a node that left the lab is still known in the cluster until it is removed there, and it is not a stranger. */
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

/** @throws what a host ended with that says nothing of the host: a defect of redis-lab */
function failuresOf({ failed }: Prepared, outcomes: readonly HostOutcome[]): readonly HostFailure[] {
  return [
    ...[...failed].map(([host, error]) => hostFailure(host, undefined, error)),
    ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [hostFailure(outcome.host, outcome.step, outcome.error)])),
  ];
}
