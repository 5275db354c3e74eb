import { plural } from "../base/text.ts";
import { judgeDeployed } from "./deployed.ts";
import { networkName } from "./names.ts";
import type { HypervisorFacts } from "./preflight-facts.ts";
import { gibibytes, MIB, type PreflightCheck, type PreflightFinding, type Wanted } from "./preflight-finding.ts";
import { judgeNames } from "./preflight-names.ts";
import { judgeNetwork } from "./preflight-network.ts";
import { judgePool } from "./preflight-pool.ts";

/** Judges what was found on a hypervisor. Pure. */
export function judge(wanted: Wanted, facts: HypervisorFacts): readonly PreflightCheck[] {
  const { hypervisor, lab } = wanted;
  const check = (name: string, seen: string, findings: readonly PreflightFinding[]): PreflightCheck => ({
    name,
    hypervisor: hypervisor.name,
    seen,
    findings,
  });
  const { pool, memory } = facts;
  return [
    check("libvirtd", `${hypervisor.uri}, ${facts.version}`, judgeSocket(facts)),
    check("storage pool", pool?.path ?? hypervisor.pool, judgePool(wanted, facts)),
    check(
      "network",
      lab.libvirt.network.mode === "bridge" ? lab.libvirt.network.bridge : `${networkName(lab)}, ${lab.network.cidr}`,
      judgeNetwork(wanted, facts),
    ),
    check("names", `${wanted.vms.length} VMs`, judgeNames(wanted, facts)),
    check("deployed", deployedSeen(wanted), judgeDeployed(wanted, facts)),
    check("virtualization", isEmulated(wanted, facts) ? "emulated" : "kvm", judgeVirtualization(wanted, facts)),
    check(
      "memory",
      memory === undefined ? "not known" : `${gibibytes(memory.availableMiB * MIB)} of ${gibibytes(memory.totalMiB * MIB)} available`,
      judgeMemory(wanted, facts),
    ),
  ];
}

function deployedSeen({ terraform, hypervisor }: Wanted): string {
  if (terraform.kind !== "read") return "nothing yet";
  const count = terraform.volumes.filter(({ hypervisor: name }) => name === hypervisor.name).length;
  return count === 0 ? "nothing yet" : plural(count, "volume");
}

function judgeSocket({ computer }: HypervisorFacts): PreflightFinding[] {
  if (computer?.missingSocket === undefined) return [];
  return [
    {
      severity: "error",
      code: "libvirt.no-provider-socket",
      what: `libvirt answers, but its socket ${computer.missingSocket} is not there.`,
      why: "Terraform's provider speaks to that one; where libvirt runs as separate daemons, virtproxyd makes it.",
      next: "systemctl enable --now virtproxyd.socket virtnetworkd.socket virtstoraged.socket",
    },
  ];
}

/** What the stack gives new VMs (stacks/constructs/hypervisor.ts). */
function isEmulated({ hypervisor }: Pick<Wanted, "hypervisor">, { computer }: Pick<HypervisorFacts, "computer">): boolean {
  return hypervisor.domainType === "qemu" || (hypervisor.domainType === "auto" && computer?.hasKvmDevice === false);
}

function judgeVirtualization({ hypervisor, vms }: Wanted, { refusals, computer, states }: HypervisorFacts): PreflightFinding[] {
  const emulated = isEmulated({ hypervisor }, { computer });
  // A VM keeps the type that it was made with.
  if (vms.every(({ domainName }) => states.has(domainName))) return [];
  if (!emulated && refusals.kvm !== undefined) {
    return [
      {
        severity: "error",
        code: "libvirt.no-kvm",
        what: `The hypervisor "${hypervisor.name}" has no KVM.`,
        why: refusals.kvm,
        next: 'Enable virtualization in its firmware (nested virtualization where it is a VM itself) and load kvm_intel or kvm_amd; or set domainType: "qemu" on the hypervisor in the lab: everything works, boots and compiles about ten times slower.',
      },
    ];
  }
  if (!emulated) return [];
  if (refusals.qemu !== undefined) {
    return [
      {
        severity: "error",
        code: "libvirt.no-emulator",
        what: `The hypervisor "${hypervisor.name}" can't emulate x86_64.`,
        why: refusals.qemu,
        next: "Install qemu on it: apt install qemu-system-x86, or dnf install qemu-kvm (which emulates nothing: there KVM is a must).",
      },
    ];
  }
  if (hypervisor.domainType === "qemu") return [];
  return [
    {
      severity: "warning",
      code: "libvirt.emulated",
      what: `The VMs on "${hypervisor.name}" are emulated, without KVM.`,
      why: "They boot and compile about ten times slower: minutes until SSH answers, and seven to ten minutes to compile Redis the first time; later the compiled Redis is reused.",
      next: "For speed, enable virtualization in the firmware and load kvm_intel or kvm_amd.",
    },
  ];
}

function judgeMemory({ hypervisor, vms }: Wanted, { memory, states }: HypervisorFacts): PreflightFinding[] {
  if (memory === undefined) return [];
  const starting = vms.filter(({ domainName }) => states.get(domainName) !== "running");
  const needed = starting.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  if (needed <= memory.availableMiB) return [];
  return [
    {
      severity: "warning",
      code: "libvirt.memory-short",
      what: `The ${starting.length} VMs to start on "${hypervisor.name}" may take ${gibibytes(needed * MIB)} of memory; ${gibibytes(memory.availableMiB * MIB)} are available.`,
      why: "A VM takes its memory as it uses it: they may start all the same, and be killed later.",
      next: "Declare less (libvirt.memoryMiB), stop other VMs, or spread the lab over several hypervisors.",
    },
  ];
}
