import { KnownHosts, pinNameOf } from "../connection/known-hosts.ts";
import { type LabState, readState, statePaths, writeState } from "../project/state.ts";
import { depart } from "./depart.ts";
import { type Departure, departureOf } from "./departure.ts";
import { tooManyMadeAnew } from "./errors.ts";
import { formerHosts, hostOfMember, withFormerHosts } from "./former.ts";
import { handOver } from "./hand-over.ts";
import { withLabLock } from "./inside-terraform.ts";
import { type Session, type SessionOptions, withSession } from "./session.ts";
import { assertNobodyUnknown } from "./unknown-host.ts";

/** What a `leave` did. */
export interface LeaveReport {
  readonly lab: string;
  readonly target: string;
  readonly host: string;
  /**
   * `stays`: the lab declares it, and nothing was done; `handed-over`: its VM is made anew, and its roles are others' meanwhile; `left`: nobody knows it any more;
   * `unknown`: it was never a member.
   */
  readonly outcome: "stays" | "handed-over" | "left" | "unknown";
  /** In sentences without an end. */
  readonly done: readonly string[];
  /** What the user should know, for example who could not be told. */
  readonly notices: readonly string[];
}

export interface LeaveOptions extends SessionOptions {
  readonly host: string;
  readonly now: () => Date;
}

/**
 * Makes a host leave its lab so that nothing is lost, for Terraform before it destroys the VM, or for whoever has removed a host from the labs file. It does nothing for a
 * host that the lab declares, unless its VM is made anew. Running it again continues.
 *
 * @throws LabError `operations.too-many-made-anew`, `operations.unknown-departure`, `operations.last-copy`, `cluster.stays`, `sentinel.stays`: the host stays; those of the engines
 */
export async function leaveHost(options: LeaveOptions): Promise<LeaveReport> {
  const { lab, target, host } = options;
  const paths = statePaths(options.project, lab.name, target);
  const report = { lab: lab.name, target, host, done: [], notices: [] };
  const decide = async (): Promise<Exclude<Departure, { kind: "stays" | "too-many" }> | undefined> => {
    const departure = departureOf(lab, target, await readState(paths), host, options.environment["REDIS_LAB_VM_HYPERVISOR"]);
    if (departure.kind === "too-many") throw tooManyMadeAnew(lab.name, departure.changes);
    return departure.kind === "stays" ? undefined : departure;
  };
  // A whole destroy asks for every host: what has nothing to do waits for nobody.
  if ((await decide()) === undefined) return { ...report, outcome: "stays" };
  return withLabLock(options, `leave ${lab.name} ${host}`, async () => {
    const departure = await decide();
    return departure === undefined ? { ...report, outcome: "stays" } : carryOut(options, departure);
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
  options: SessionOptions & { readonly host: string },
  departure: Exclude<Departure, { kind: "stays" | "too-many" }>,
): Promise<LeaveReport> {
  const { lab, target, host } = options;
  const report = { lab: lab.name, target, host, done: [], notices: [] };
  const state = await readState(statePaths(options.project, lab.name, target));
  const known = withFormerHosts(lab, state, { [host]: options.environment["REDIS_LAB_VM_HYPERVISOR"] });
  return withSession({ ...options, lab: known }, async (session): Promise<LeaveReport> => {
    switch (departure.kind) {
      case "made-anew":
        return { ...report, outcome: "handed-over", ...(await handOver(session, options.lab, host, departure.change)) };
      case "unknown":
        await assertNobodyUnknown(session, host);
        return { ...report, outcome: "unknown" };
      case "gone": {
        const outcome = await depart(session, options.lab, host, departure.instances);
        await forget(session, host, outcome.untold.length === 0);
        return { ...report, outcome: "left", done: outcome.done, notices: outcome.notices };
      }
    }
  });
}

/** What is remembered of the host goes: its pin with its VM, its instances once everybody has forgotten them. */
async function forget(session: Session, host: string, everywhere: boolean): Promise<void> {
  const { paths, placement } = session;
  const placed = placement.hosts.find(({ name }) => name === host);
  if (placed !== undefined && placement.capabilities.connection === "ssh")
    await new KnownHosts(paths.knownHostsFile).drop(pinNameOf({ ...placed.ssh, address: placed.address }));
  const state = await readState(paths);
  const { vms, ...rest } = state;
  const left: LabState = {
    ...rest,
    ...(vms !== undefined && { vms: Object.fromEntries(Object.entries(vms).filter(([name]) => name !== host)) }),
    members: everywhere ? state.members.filter((member) => hostOfMember(member) !== host) : state.members,
  };
  await writeState(paths, left);
}
