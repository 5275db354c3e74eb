import type { Vm } from "../lab/vms.ts";
import { type PowerOptions, startVm, stopVm } from "./boot.ts";
import { domainDefinition } from "./domains.ts";
import { diskUnknown, vmAbsent } from "./errors.ts";
import { volumeNames } from "./names.ts";
import { readVolume, type VolumeView, volumeIn } from "./pools.ts";
import type { TerraformState } from "./terraform-state.ts";
import { virsh, virshOutput } from "./virsh.ts";
import { readXml } from "./xml.ts";

export interface RenewOptions extends PowerOptions {
  /** Says what the disk lay over when it is gone, after an interruption between its removal and its making. */
  readonly terraform?: TerraformState;
}

/**
 * Puts a VM back to its image, in place: power off, its disk is deleted and made again over the same image under the same name, start. The domain and its id, the path of the disk and the
 * cloud-init disk stay, so Terraform finds nothing to do; the guest starts as on its first day. The size is what the lab declares now. Safe at every interruption: the next run goes on.
 *
 * Power goes off without asking the guest: its disk is thrown away. For an orderly end Redis is stopped before.
 *
 * @throws LabError `libvirt.*`; `libvirt.disk-unknown` where nothing says what the disk lay over
 */
export async function renewDisk(vm: Vm, options: RenewOptions = {}): Promise<void> {
  const { uri } = vm.hypervisor;
  const { signal } = options;
  const domain = await domainDefinition(uri, vm.domainName, signal);
  if (domain === undefined) throw vmAbsent(vm.domainName, uri);
  // The other is the one that cloud-init reads.
  const disk = domain.disks.find(({ volume }) => volume === volumeNames(vm).disk) ?? domain.disks.find(({ target }) => target === "vda");
  const pool = disk?.pool ?? vm.hypervisor.pool;
  const name = disk?.volume ?? volumeNames(vm).disk;
  const old = await readVolume(uri, pool, name, options);
  const wanted = old?.backing === undefined ? await fromTerraform(uri, pool, name, options) : old;
  if (wanted?.backing === undefined) throw diskUnknown(vm, `${pool}/${name}`);
  const image = await volumeAt(uri, wanted.backing.path, signal);
  if (image === undefined) throw diskUnknown(vm, `${pool}/${name}`, wanted.backing.path);
  const capacityBytes = Math.max(vm.diskGiB * 2 ** 30, image.capacityBytes);
  const backing = ["--backing-vol", image.path, "--backing-vol-format", image.format ?? "qcow2"];

  await stopVm(vm, { ...options, timeoutMs: 0 });
  // Snapshots and a memory image belong to the old disk.
  await virsh(uri, ["managedsave-remove", vm.domainName], { signal });
  if (old !== undefined) await virshOutput(uri, ["vol-delete", "--pool", pool, name], { signal });
  await virshOutput(uri, ["vol-create-as", pool, name, String(capacityBytes), "--format", "qcow2", ...backing], { signal });
  await startVm(vm, options);
}

/** What the disk was, by Terraform's state: the volume is gone. */
async function fromTerraform(
  uri: string,
  pool: string,
  name: string,
  options: RenewOptions,
): Promise<Pick<VolumeView, "backing"> | undefined> {
  const { terraform } = options;
  if (terraform?.kind !== "read") return undefined;
  const known = terraform.volumes.filter((volume) => volume.name === name && volume.pool === pool);
  for (const { baseKey } of known) {
    if (baseKey === undefined) continue;
    const image = await volumeAt(uri, baseKey, options.signal);
    if (image !== undefined) return { backing: { path: image.path, format: image.format } };
  }
  return undefined;
}

async function volumeAt(uri: string, path: string, signal: AbortSignal | undefined): Promise<VolumeView | undefined> {
  const result = await virsh(uri, ["vol-dumpxml", path], { signal });
  return result.ok ? volumeIn(await readXml(result.stdout)) : undefined;
}
