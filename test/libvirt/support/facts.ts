import { defineLab } from "../../../lib/lab/define-lab.ts";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import type { HypervisorFacts } from "../../../lib/libvirt/preflight-facts.ts";
import type { PreflightFinding, Wanted } from "../../../lib/libvirt/preflight-finding.ts";
import { judge } from "../../../lib/libvirt/preflight-rules.ts";
import { clusterInput } from "../../support/labs.ts";

const GIB = 2 ** 30;
export const POOL = "/var/lib/libvirt/images";

/** A hypervisor on which nothing is wrong, and nothing was made yet. */
export const GOOD: HypervisorFacts = {
  version: "QEMU 7.2.22",
  pool: { active: true, type: "dir", path: POOL, availableBytes: 500 * GIB },
  poolRefusal: undefined,
  barredFolder: undefined,
  appArmor: undefined,
  volumes: new Map(),
  networks: [],
  domains: [],
  running: [],
  interfaces: undefined,
  states: new Map(),
  orphans: [],
  refusals: { kvm: undefined, qemu: undefined },
  memory: { totalMiB: 64_000, availableMiB: 48_000 },
  computer: {
    hasKvmDevice: true,
    networks: [
      { interface: "lo", range: "127.0.0.0/8", address: "127.0.0.1" },
      { interface: "eth0", range: "10.1.2.0/24", address: "10.1.2.3" },
    ],
    bridge: undefined,
    missingSocket: undefined,
  },
};

export function wanted(libvirt: LabInput["libvirt"] = {}, changes: Partial<Wanted> = {}): Wanted {
  const lab = defineLab(clusterInput({ libvirt }));
  const { vms } = planVms(lab);
  const [hypervisor] = lab.libvirt.hypervisors;
  if (hypervisor === undefined) throw new Error("a lab has a hypervisor");
  return { lab, hypervisor, vms, imageBytes: 900e6, terraform: { kind: "none" }, ...changes };
}

/** Findings of all checks. */
export function findings(facts: Partial<HypervisorFacts>, want = wanted()): readonly PreflightFinding[] {
  return judge(want, { ...GOOD, ...facts }).flatMap((check) => check.findings);
}

/** `severity code` of each. */
export function told(facts: Partial<HypervisorFacts>, want = wanted()): readonly string[] {
  return findings(facts, want).map(({ severity, code }) => `${severity} ${code}`);
}
