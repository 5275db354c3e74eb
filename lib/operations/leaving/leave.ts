import { KnownHosts } from "../../connection/known-hosts.ts";
import { notHealed } from "../../fault/errors.ts";
import { type LabState, readState, statePaths, writeState } from "../../project/state.ts";
import { tooManyReplaced } from "../errors.ts";
import { healFaults } from "../fault.ts";
import { type Session, type SessionOptions, withSession } from "../session.ts";
import { pinOf } from "../ssh-routes.ts";
import { withLabLock } from "../vms/inside-terraform.ts";
import { cleanHost } from "./clean-host.ts";
import { decideLeave, type LeaveDecision } from "./decide.ts";
import { formerHosts, hostOfMember, withFormerHosts } from "./former.ts";
import { handOver } from "./hand-over.ts";
import { removeInstances } from "./remove-instances.ts";
import { assertNoUnknownMembers } from "./unknown-members.ts";

/** What a `leave` did. */
export interface LeaveReport {
  readonly lab: string;
  readonly target: string;
  readonly host: string;
  /**
   * `stays`: the lab declares it, and nothing was done; `handed-over`: its VM is made again, and its roles are others' meanwhile; `left`: nobody knows it any more;
   * `unknown`: it was never a member.
   */
  readonly outcome: "stays" | "handed-over" | "left" | "unknown";
  /** In sentences without an end. */
  readonly done: readonly string[];
  /** What the user should know, for example which instances could not be contacted. */
  readonly notices: readonly string[];
}

export interface HostLeaveOptions extends SessionOptions {
  readonly host: string;
  /** Leaves on a given machine what redis-lab made there: data, configuration with the password, units, settings. @default false */
  readonly keep?: boolean;
  readonly now: () => Date;
}

/**
 * Makes a host leave its lab so that nothing is lost, for Terraform before it destroys the VM, or for a user who has removed a host from the labs file. It does nothing for a
 * host that the lab declares, unless its VM is made again. Running it again continues.
 *
 * @throws LabError `operations.too-many-replaced`, `operations.unknown-members`, `operations.last-copy`, `cluster.stays`, `sentinel.stays`: the host stays; those of the engines
 */
export async function leaveHost(options: HostLeaveOptions): Promise<LeaveReport> {
  const { lab, target, host } = options;
  const paths = statePaths(options.project, lab.name, target);
  const report = { lab: lab.name, target, host, done: [], notices: [] };
  const decide = async (): Promise<Exclude<LeaveDecision, { kind: "stays" | "too-many" }> | undefined> => {
    const decision = decideLeave(lab, target, await readState(paths), host, options.environment["REDIS_LAB_VM_HYPERVISOR"]);
    if (decision.kind === "too-many") throw tooManyReplaced(lab.name, decision.changes);
    return decision.kind === "stays" ? undefined : decision;
  };
  // A whole destroy asks for every host: what has nothing to do waits for nobody.
  if ((await decide()) === undefined) return { ...report, outcome: "stays" };
  return withLabLock(options, `leave ${lab.name} ${host}`, async () => {
    const decision = await decide();
    return decision === undefined ? { ...report, outcome: "stays" } : carryOut(options, decision);
  });
}

/** Makes every host leave that the lab declares no more; for a caller that holds the lab's lock. */
export async function leaveFormerHosts(options: SessionOptions): Promise<readonly LeaveReport[]> {
  const paths = statePaths(options.project, options.lab.name, options.target);
  const reports: LeaveReport[] = [];
  for (const [host, members] of formerHosts(options.lab, await readState(paths)))
    reports.push(await carryOut({ ...options, host }, { kind: "gone", instances: members.map(({ id }) => id) }));
  return reports;
}

async function carryOut(
  options: SessionOptions & Pick<HostLeaveOptions, "host" | "keep">,
  decision: Exclude<LeaveDecision, { kind: "stays" | "too-many" }>,
): Promise<LeaveReport> {
  const { lab, target, host } = options;
  const report = { lab: lab.name, target, host, done: [], notices: [] };
  const state = await readState(statePaths(options.project, lab.name, target));
  const known = withFormerHosts(lab, state, { [host]: options.environment["REDIS_LAB_VM_HYPERVISOR"] });
  return withSession({ ...options, lab: known }, async (session): Promise<LeaveReport> => {
    switch (decision.kind) {
      case "replaced": {
        const done = await handOver(session, options.lab, host, decision.change);
        if (decision.change.kind === "hardware") await rememberDisk(session, host);
        return { ...report, outcome: "handed-over", ...done };
      }
      case "unknown":
        await assertNoUnknownMembers(session, host);
        return { ...report, outcome: "unknown" };
      case "gone": {
        // Before anything is touched: a configuration of ssh that can't be read is refused while the host is still whole.
        const pin = await pinnedAs(session, host);
        // What stands still hands nothing over, and what was put on the host would stay there.
        const { failures } = await healFaults(session, [], "heal", host);
        if (failures.length > 0) throw notHealed(lab.name, failures);
        const outcome = await removeInstances(session, options.lab, host, decision.instances);
        await session.network?.unmount(host);
        const cleaning = await cleanHost(session, host, options.keep ?? false);
        if (cleaning.clean) await session.network?.takeOut(host);
        await forget(session, host, pin, outcome.stillKnownBy.length === 0 && cleaning.clean);
        return {
          ...report,
          outcome: "left",
          done: [...outcome.done, ...cleaning.done],
          notices: [...outcome.notices, ...cleaning.notices],
        };
      }
      default:
        return decision satisfies never;
    }
  });
}

/** The VM that comes is the same machine: its pin counts. */
async function rememberDisk({ paths }: Session, host: string): Promise<void> {
  const state = await readState(paths);
  const had = state.vms?.[host];
  if (had !== undefined) await writeState(paths, { ...state, vms: { ...state.vms, [host]: { ...had, diskStays: true } } });
}

/** The name of the host's keys; none for a folder of this computer. @throws LabError `connection.ssh-config` */
async function pinnedAs({ placement }: Session, host: string): Promise<string | undefined> {
  const placed = placement.hosts.find(({ name }) => name === host);
  return placed === undefined || placement.capabilities.connection !== "ssh" ? undefined : pinOf(placement, placed);
}

/** What is remembered of the host goes: its pin, its instances once everybody has forgotten them and it is clean. */
async function forget({ paths }: Session, host: string, pin: string | undefined, everywhere: boolean): Promise<void> {
  if (pin !== undefined) await new KnownHosts(paths.knownHostsFile).drop(pin);
  const state = await readState(paths);
  const { vms, ...rest } = state;
  const left: LabState = {
    ...rest,
    ...(vms !== undefined && { vms: Object.fromEntries(Object.entries(vms).filter(([name]) => name !== host)) }),
    members: everywhere ? state.members.filter((member) => hostOfMember(member) !== host) : state.members,
  };
  await writeState(paths, left);
}
