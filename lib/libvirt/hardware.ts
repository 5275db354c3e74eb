import type { Vm } from "../lab/vms.ts";
import { type PowerOptions, startVm, stopVm } from "./boot.ts";
import { vmAbsent } from "./errors.ts";
import { virsh, virshOutput } from "./virsh.ts";
import { readXml, type XmlElement, xmlBytes, xmlText } from "./xml.ts";

export interface Hardware {
  readonly vcpus: number;
  readonly memoryMiB: number;
}

/** Hardware of a VM: what its next start gives it, and what it has now (undefined while it is off). Undefined where there is no such VM. */
export async function readHardware(
  vm: Pick<Vm, "domainName" | "hypervisor">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly config: Hardware; readonly live: Hardware | undefined } | undefined> {
  const { uri } = vm.hypervisor;
  const config = await virsh(uri, ["dumpxml", "--inactive", vm.domainName], options);
  if (!config.ok) return undefined;
  const live = await virsh(uri, ["dumpxml", vm.domainName], options);
  const liveXml = live.ok ? await readXml(live.stdout) : undefined;
  // A running domain has an id.
  const running = liveXml?.attributes["id"] !== undefined;
  return { config: hardwareIn(await readXml(config.stdout)), live: running && liveXml !== undefined ? hardwareIn(liveXml) : undefined };
}

export function hardwareIn(xml: XmlElement): Hardware {
  return {
    vcpus: Number(xmlText(xml, "vcpu") ?? 1),
    memoryMiB: Math.round((xmlBytes(xml, "memory", "KiB") ?? 0) / 2 ** 20),
  };
}

/**
 * Gives a VM the hardware that the lab declares, in place: its definition is changed, and the VM is shut down and started, as neither its memory nor the number of its processors
 * can grow while it runs. Terraform finds what it would have made. Every step can be repeated, so that an interrupted change goes on where it stopped.
 *
 * @param options.timeoutMs of the orderly shutdown, see `stopVm`
 * @returns whether anything was changed
 * @throws LabError `libvirt.*`
 */
export async function applyHardware(
  vm: Vm,
  { timeoutMs, ...options }: PowerOptions & { readonly timeoutMs?: number | undefined } = {},
): Promise<boolean> {
  const { uri } = vm.hypervisor;
  const found = await readHardware(vm, options);
  if (found === undefined) throw vmAbsent(vm.domainName, uri);
  const { config, live } = found;
  const same = (one: Hardware) => one.vcpus === vm.vcpus && one.memoryMiB === vm.memoryMiB;
  if (same(config) && (live === undefined || same(live))) return false;
  const set = (...args: readonly string[]) => virshOutput(uri, [...args, "--config"], options);
  if (config.memoryMiB !== vm.memoryMiB) {
    await set("setmaxmem", vm.domainName, `${vm.memoryMiB}MiB`);
    await set("setmem", vm.domainName, `${vm.memoryMiB}MiB`);
  }
  if (config.vcpus !== vm.vcpus) {
    // The current number may not be above the maximum at any moment: down first where it shrinks, up last where it grows.
    const current = ["setvcpus", vm.domainName, String(vm.vcpus)];
    if (vm.vcpus < config.vcpus) await set(...current);
    await set(...current, "--maximum");
    if (vm.vcpus > config.vcpus) await set(...current);
  }
  if (live === undefined) return true;
  await stopVm(vm, { ...options, timeoutMs });
  await startVm(vm, options);
  return true;
}
