import { isLabError } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { waitFor } from "../base/wait.ts";
import type { Vm } from "../lab/vms.ts";
import { domainState } from "./domains.ts";
import { startFailed, vmAbsent } from "./errors.ts";
import { virsh, virshOutput } from "./virsh.ts";

export interface PowerOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with what is waited for. @default nothing is called */
  readonly emit?: Emit;
}

/** How long a hypervisor with much to do may take to start a VM or to power it off, in milliseconds. */
const PATIENCE_MS = 120_000;

/** How long a guest may take to shut down by itself before it is powered off, in milliseconds. */
export const SHUTDOWN_TIMEOUT_MS = 120_000;

/**
 * Starts a VM that is off; one that runs is left alone, one that is paused goes on.
 *
 * @throws LabError `libvirt.start-failed` with the cause that is known for it, `libvirt.vm-absent`, `libvirt.*`
 */
export async function startVm(vm: Vm, { signal }: PowerOptions = {}): Promise<void> {
  const { uri } = vm.hypervisor;
  const options = { signal };
  const { state, error } = await domainState(vm, options);
  switch (state) {
    case "running":
      return;
    case "unknown":
      throw error ?? vmAbsent(vm.domainName, uri);
    case "absent":
      throw vmAbsent(vm.domainName, uri);
    case "paused":
      await virshOutput(uri, ["resume", vm.domainName], options);
      return;
    case "off": {
      const started = await virsh(uri, ["start", vm.domainName], { signal, timeoutMs: PATIENCE_MS });
      if (!started.ok && (await domainState(vm, options)).state !== "running") throw startFailed(vm, started.message);
      return;
    }
    default:
      return state satisfies never;
  }
}

/**
 * Shuts a VM down by ACPI, and powers it off when it has not done so in time: the caller has stopped Redis before, and file systems have journals.
 *
 * @param options.timeoutMs of the orderly way, in milliseconds; 0 powers off at once
 * @throws LabError `libvirt.*`
 */
export async function stopVm(vm: Vm, options: PowerOptions & { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
  const { uri } = vm.hypervisor;
  const { timeoutMs = SHUTDOWN_TIMEOUT_MS, signal, emit } = options;
  const isOff = async () => {
    const { state, error } = await domainState(vm, { signal });
    if (state === "unknown" && error !== undefined) throw error;
    return state === "off" || state === "absent";
  };
  if (await isOff()) return;
  if (timeoutMs > 0) {
    emit?.({ type: "progress", host: vm.host, step: "power", detail: "shutting down" });
    // A paused guest can't hear it.
    await virsh(uri, ["resume", vm.domainName], { signal });
    await virsh(uri, ["shutdown", vm.domainName, "--mode", "acpi"], { signal });
    const done = await waitFor(async () => ((await isOff()) ? { done: true, value: true } : { done: false, missing: "the VM is off" }), {
      what: `${vm.domainName} to shut down`,
      timeoutMs,
      intervalMs: 500,
      signal,
    }).catch((error: unknown) => {
      if (isLabError(error) && error.code === "wait.timeout") return false;
      throw error;
    });
    if (done) return;
    emit?.({ type: "progress", host: vm.host, step: "power", detail: `not off after ${Math.round(timeoutMs / 1000)} s: powering off` });
  }
  const destroyed = await virsh(uri, ["destroy", vm.domainName], { signal, timeoutMs: PATIENCE_MS });
  if (!destroyed.ok && !(await isOff())) await virshOutput(uri, ["destroy", vm.domainName, "--graceful"], { signal });
}
