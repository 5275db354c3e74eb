import { isLabError } from "../../base/error.ts";
import type { Finding } from "../../base/finding.ts";
import { allSettledLimited } from "../../base/limit.ts";
import { expectedError } from "../../base/system-error.ts";
import { type Attempt, waitFor } from "../../base/wait.ts";
import { openSupervisor } from "../../bootstrap/supervise.ts";
import { placedInstances } from "../../lab/placement.ts";
import { planVms, type Vm } from "../../lab/vms.ts";
import { startVm } from "../../libvirt/boot.ts";
import { applyHardware, type Hardware, readHardware } from "../../libvirt/hardware.ts";
import { readTerraformState } from "../../libvirt/terraform-state.ts";
import { readState, writeState } from "../../project/state.ts";
import { hostUnreachable, noRolling, notWhole, vmAbsent } from "../errors.ts";
import { findHost } from "../find.ts";
import type { LayoutOperations } from "../layouts/row.ts";
import { layoutOperations } from "../layouts.ts";
import { releaseRoles, stopInstances } from "../leaving/hand-over.ts";
import { readiness } from "../ready.ts";
import { HOST_CONCURRENCY, type Session, withSession } from "../session.ts";
import { readStatus, type Status } from "../status.ts";
import { bootVms } from "./boot.ts";
import { withLabLock } from "./inside-terraform.ts";
import { putBack, type RebuildOptions, rebuildsVms } from "./rebuild.ts";

/** What `rebuild --rolling` did. */
export interface RollingReport {
  readonly lab: string;
  readonly target: string;
  readonly changed: readonly { readonly host: string; readonly from: Hardware; readonly to: Hardware }[];
  /** Undefined where nothing was to be changed: then nothing was looked at but the hardware. */
  readonly status: Status | undefined;
}

/** A VM and the hardware that it has. */
interface Found {
  readonly vm: Vm;
  readonly config: Hardware;
  /** Undefined while it is off. */
  readonly live: Hardware | undefined;
}

/**
 * Brings VMs to the memory and CPUs that the lab declares, one host after the other: roles are handed over, instances stopped, the VM changed in place and started, and the
 * next one follows when everything is back in its place. Data are kept. Running it again continues.
 *
 * @throws LabError `operations.no-rolling`, `operations.no-vms`, `operations.vm-absent`, `operations.not-whole`, `libvirt.*` and those of a planned failover
 */
export async function rollHardware(options: RebuildOptions): Promise<RollingReport> {
  const { lab, target, project, signal, emit } = options;
  if (!rebuildsVms(target)) throw noRolling(lab.name, target);
  return withLabLock(options, `rebuild ${lab.name} --rolling`, async () => {
    await putBack(options, await readTerraformState({ root: project.root, lab: lab.name, environment: options.environment, signal }));
    const found = await readAll(lab.name, planVms(lab).vms, options);
    const report = { lab: lab.name, target };
    if (found.every((each) => !differs(each) && each.live !== undefined)) return { ...report, changed: [], status: undefined };
    // One that is off has nothing to hand over: an earlier run may have been cut off there.
    for (const { vm, live } of found) {
      if (live !== undefined) continue;
      await applyHardware(vm, { signal, emit });
      await startVm(vm, { signal, emit });
    }
    const boot = await bootVms(options);
    return withSession({ ...options, reach: boot?.reach }, async (session) => {
      for (const [host, error] of session.unreachable) throw hostUnreachable(host, error);
      const layout = layoutOperations(session);
      await startAll(session);
      const order = await hostOrder(session, layout);
      const todo = found
        .filter((each) => each.live !== undefined && differs(each))
        .sort((a, b) => order.indexOf(a.vm.host) - order.indexOf(b.vm.host));
      for (const each of todo) {
        await assertWhole(session, layout);
        await changeOne(session, layout, each);
      }
      // The status tells what is still missing then.
      await assertWhole(session, layout).catch((error: unknown) => {
        if (!isLabError(error)) throw error;
      });
      const changed = found.filter(differs).map(({ vm, config, live }) => ({ host: vm.host, from: live ?? config, to: hardwareOf(vm) }));
      return { ...report, changed, status: await readStatus(session) };
    });
  });
}

async function readAll(lab: string, vms: readonly Vm[], { signal }: RebuildOptions): Promise<readonly Found[]> {
  return Promise.all(
    vms.map(async (vm) => {
      const hardware = await readHardware(vm, { signal });
      if (hardware === undefined) throw vmAbsent(lab, vm.host, vm.domainName);
      return { vm, ...hardware };
    }),
  );
}

function hardwareOf({ vcpus, memoryMiB }: Vm): Hardware {
  return { vcpus, memoryMiB };
}

function differs({ vm, config, live }: Found): boolean {
  return [config, live ?? config].some(({ vcpus, memoryMiB }) => vcpus !== vm.vcpus || memoryMiB !== vm.memoryMiB);
}

/** Hosts in the order in which taking them down disturbs least: those with replicas alone first. A sentinel is of no matter, the others vote without it. */
async function hostOrder({ placement }: Session, layout: LayoutOperations): Promise<readonly string[]> {
  const servers = new Set(placedInstances(placement).flatMap(({ id, kind }) => (kind === "redis" ? [id] : [])));
  const hosts = (await layout.restartOrder()).filter((id) => servers.has(id)).map((id) => id.split(":")[0] ?? "");
  const byLast = [...new Set([...hosts].reverse())].reverse();
  return [...placement.hosts.map(({ name }) => name).filter((name) => !byLast.includes(name)), ...byLast];
}

/** What a run that was cut off has stopped. */
async function startAll(session: Session): Promise<void> {
  const results = await allSettledLimited(session.placement.hosts, HOST_CONCURRENCY, ({ name }) => startInstances(session, name));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function startInstances(session: Session, name: string): Promise<void> {
  const host = findHost(session.placement, name);
  const connection = session.connections.get(name);
  if (connection === undefined) throw hostUnreachable(name, session.unreachable.get(name));
  const supervisor = openSupervisor(
    connection,
    { placement: session.placement, host, secrets: session.secrets },
    {
      ready: readiness(session),
      onProgress: (detail) => session.emit({ type: "progress", host: name, step: "hardware", detail }),
      signal: session.signal,
    },
  );
  for (const instance of host.instances) await supervisor.start(instance);
}

/** No host is taken down while another one is missing. What passes by itself is waited for: nodes agree some seconds after the last of them is back. */
async function assertWhole(session: Session, layout: LayoutOperations): Promise<void> {
  for (const { id } of placedInstances(session.placement)) await layout.settled(id);
  let last: Finding | undefined;
  const look = async (): Promise<Attempt<undefined>> => {
    last = (await readStatus(session)).findings.find(({ severity }) => severity !== "note");
    return last === undefined ? { done: true, value: undefined } : { done: false, missing: last.text };
  };
  try {
    await waitFor(look, {
      what: "the lab to be whole",
      timeoutMs: WHOLE_TIMEOUT_MS,
      intervalMs: 500,
      onPending: (detail) => session.emit({ type: "progress", host: undefined, step: "hardware", detail }),
      signal: session.signal,
    });
  } catch (error) {
    if (last === undefined || !isLabError(error) || error.code !== "wait.timeout") throw error;
    throw notWhole(session.lab.name, last.text, last.next);
  }
}

/** Longest wait for a lab that is whole, in milliseconds: some times cluster-node-timeout. */
const WHOLE_TIMEOUT_MS = 120_000;

/** From inside, as not every image listens to the power button. Best effort: libvirt waits, and pulls the plug at last. */
async function powerOff({ connections }: Session, host: string): Promise<void> {
  await connections
    .get(host)
    ?.run("systemctl --no-block poweroff", { title: "power off", root: true, timeoutMs: 10_000 })
    .catch(expectedError);
}

async function changeOne(session: Session, layout: LayoutOperations, { vm, live, config }: Found): Promise<void> {
  const { emit, signal } = session;
  const from = live ?? config;
  const detail = `${from.vcpus} CPUs, ${from.memoryMiB} MiB → ${vm.vcpus} CPUs, ${vm.memoryMiB} MiB`;
  const step = { type: "step", host: vm.host, step: "hardware" } as const;
  emit({ ...step, state: "started", detail });
  try {
    await releaseRoles(session, vm.host);
    await stopInstances(session, vm.host);
    await powerOff(session, vm.host);
    await applyHardware(vm, { signal, emit });
    // It was off before it was looked at.
    await startVm(vm, { signal, emit });
    await session.reconnect(vm.host);
    await startInstances(session, vm.host);
    for (const { id } of findHost(session.placement, vm.host).instances) await layout.settled(id);
    const state = await readState(session.paths);
    const had = state.vms?.[vm.host];
    if (had !== undefined) await writeState(session.paths, { ...state, vms: { ...state.vms, [vm.host]: { ...had, ...hardwareOf(vm) } } });
  } catch (error) {
    emit({ ...step, state: "failed", detail });
    throw error;
  }
  emit({ ...step, state: "changed", detail });
}
