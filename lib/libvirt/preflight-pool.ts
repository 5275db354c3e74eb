import { dirname } from "node:path";
import { allowsFolder, LOCAL_RULES } from "./app-armor.ts";
import { permissionHint } from "./explain-start.ts";
import { baseImagePrefix, volumeNames } from "./names.ts";
import type { HypervisorFacts } from "./preflight-facts.ts";
import { GIB, gibibytes, type PreflightFinding, type Wanted } from "./preflight-finding.ts";
import { virshCommand } from "./uri.ts";

/** The pool is there, may be written to by libvirt and read by qemu, and has room. Pure. */
export function judgePool(wanted: Wanted, facts: HypervisorFacts): PreflightFinding[] {
  const { hypervisor, vms, imageBytes, lab } = wanted;
  const { pool } = facts;
  const { pool: name, uri } = hypervisor;
  const virsh = virshCommand(uri);
  if (pool === undefined) {
    return [
      {
        severity: "error",
        code: "pool.absent",
        what: `There is no storage pool "${name}".`,
        next: `Make it: ${virsh} pool-define-as ${name} dir --target /var/lib/libvirt/images && ${virsh} pool-build ${name} && ${virsh} pool-start ${name} && ${virsh} pool-autostart ${name}; or name another as \`pool\` of the hypervisor in the lab (${virsh} pool-list --all).`,
      },
    ];
  }
  if (!pool.active) {
    return [
      {
        severity: "error",
        code: "pool.inactive",
        what: `The storage pool "${name}" is not active.`,
        next: `${virsh} pool-start ${name} && ${virsh} pool-autostart ${name}`,
      },
    ];
  }
  const findings: PreflightFinding[] = [];
  const folder = pool.path ?? name;
  if (facts.poolRefusal !== undefined) {
    findings.push({
      severity: "error",
      code: "pool.not-writable",
      what: `libvirt can't make a volume in the pool "${name}" (${folder}).`,
      why: facts.poolRefusal,
      next: "Make the folder writable for libvirtd on the hypervisor (a file system that is mounted read-only, a full one, or a share that does not trust root), or name another pool.",
    });
  }
  if (facts.barredFolder !== undefined) {
    findings.push({
      severity: "warning",
      code: "pool.barred",
      what: `By the mode of ${facts.barredFolder}, the user that qemu runs as can't get to the pool in ${folder}.`,
      why: "VMs would not start: Permission denied on their disks. An access control list may allow it all the same.",
      next: permissionHint(folder),
    });
  }
  findings.push(...judgeAppArmor(wanted, facts));
  const fresh = vms.filter((vm) => !facts.volumes.has(volumeNames(vm).disk));
  const image = [...facts.volumes.keys()].some((volume) => volume.startsWith(baseImagePrefix(lab))) ? 0 : imageBytes;
  const full = image + fresh.reduce((sum, { diskGiB }) => sum + diskGiB * GIB, 0);
  const least = image + fresh.length * GIB;
  const { availableBytes } = pool;
  if (availableBytes === undefined || fresh.length === 0) return findings;
  const has = `The pool "${name}" (${folder}) has ${gibibytes(availableBytes)} left`;
  if (availableBytes < least) {
    findings.push({
      severity: "error",
      code: "pool.full",
      what: `${has}; the image and ${fresh.length} new VMs need ${gibibytes(least)} to begin with.`,
      next: "Make room, or name a pool on a larger disk as `pool` of the hypervisor in the lab.",
    });
  } else if (availableBytes < full) {
    findings.push({
      severity: "warning",
      code: "pool.overcommitted",
      what: `${has}; ${fresh.length} new VMs with full disks would take ${gibibytes(full)}.`,
      why: "Disks grow as they are written; a pool that gets full stops the VMs that write.",
      next: "Watch it, or declare smaller disks (libvirt.diskGiB).",
    });
  }
  return findings;
}

/**
 * libvirt writes the AppArmor profile of a VM by a program of its own, virt-aa-helper, which leaves out disks that are named by pool and volume, as Terraform's provider names them (seen with
 * 9.0.0; dmacvicar/terraform-provider-libvirt#1163 has it of 10). One that runs is the proof that it is allowed by
 * other means.
 */
function judgeAppArmor({ hypervisor }: Wanted, { appArmor, pool, running }: HypervisorFacts): PreflightFinding[] {
  if (appArmor === undefined || pool?.path === undefined || running.length > 0) return [];
  const { rules } = appArmor;
  if (rules !== undefined && allowsFolder(rules, pool.path)) return [];
  return [
    {
      // Another computer's files can't be read from here.
      severity: rules === undefined ? "warning" : "error",
      code: "pool.app-armor",
      what: `AppArmor on "${hypervisor.name}" ${rules === undefined ? "may keep" : "keeps"} VMs from their disks in ${pool.path}: Permission denied.`,
      why: "libvirt allows a VM its disks one by one, and forgets those that Terraform's provider makes.",
      next: `${rules === undefined ? "There, once" : "Once"}: sudo mkdir -p ${dirname(LOCAL_RULES)} && echo '${pool.path}/** rwk,' | sudo tee -a ${LOCAL_RULES}`,
    },
  ];
}
