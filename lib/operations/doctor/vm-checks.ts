import type { Lab } from "../../lab/schema.ts";
import { planVms } from "../../lab/vms.ts";
import type { DomainStatus } from "../../libvirt/domains.ts";
import type { Orphan } from "../../libvirt/orphans.ts";
import type { CloudInit } from "../cloud-init.ts";
import { type DoctorFinding, finding } from "./finding.ts";

/** What was seen of the VMs of a lab. */
export interface VmReadings {
  /** By host. */
  readonly statuses: ReadonlyMap<string, DomainStatus>;
  /** Of the hosts that could be logged in to. */
  readonly cloudInit: ReadonlyMap<string, CloudInit>;
  readonly orphans: readonly Orphan[];
  /** Why nobody can tell what is left over; undefined where it could be told. */
  readonly orphansUnknown: string | undefined;
}

/** VMs that do not run, or not as the lab declares them, and what is left over in libvirt. Pure. */
export function checkVms(lab: Lab, { statuses, cloudInit, orphans, orphansUnknown }: VmReadings): readonly DoctorFinding[] {
  return [
    ...hypervisorFindings(lab, statuses),
    ...planVms(lab).vms.flatMap(({ host, vcpus, memoryMiB, hypervisor }) => {
      const status = statuses.get(host);
      if (status === undefined) return [];
      const { state, domainName } = status;
      const differs = (status.vcpus ?? vcpus) !== vcpus || (status.memoryMiB ?? memoryMiB) !== memoryMiB;
      return [
        ...(state === "absent"
          ? [finding("vm", "problem", host, `there is no VM ${domainName}`, `Run: npx cdktf deploy ${lab.name}`)]
          : []),
        ...(state === "off" || state === "paused"
          ? [
              finding(
                "vm",
                "problem",
                host,
                `its VM ${domainName} is ${state}`,
                `Run: virsh -c ${hypervisor.uri} ${state === "off" ? "start" : "resume"} ${domainName}`,
              ),
            ]
          : []),
        ...(differs
          ? [
              finding(
                "hardware",
                "warning",
                host,
                `its VM has ${status.vcpus} CPUs and ${status.memoryMiB} MiB; the lab declares ${vcpus} and ${memoryMiB}`,
                `Host by host, data kept: redis-lab rebuild ${lab.name} --rolling`,
              ),
            ]
          : []),
      ];
    }),
    ...[...cloudInit].flatMap(([host, { kind, ...rest }]) => {
      const next = `See: redis-lab ssh ${lab.name} ${host} -- sudo cloud-init status --long`;
      if (kind === "running") return [finding("cloud-init", "warning", host, "cloud-init has not come to its end", next)];
      if (kind !== "failed") return [];
      const errors = "errors" in rest && Array.isArray(rest.errors) ? rest.errors.join("; ") : "";
      return [finding("cloud-init", "warning", host, `cloud-init ended with errors: ${errors}`, next)];
    }),
    ...(orphansUnknown === undefined
      ? []
      : [finding("orphans", "note", undefined, `what is left over in libvirt can't be told: ${orphansUnknown}`)]),
    ...orphans.map((orphan) =>
      finding(
        "orphans",
        "problem",
        orphan.name,
        `${describeOrphan(orphan)} is unknown to Terraform: the next deploy stumbles over it`,
        `Remove it: redis-lab doctor ${lab.name} --fix`,
      ),
    ),
  ];
}

/** One finding for each hypervisor that can't be asked, and the VMs that it leaves in the dark. */
function hypervisorFindings(lab: Lab, statuses: ReadonlyMap<string, DomainStatus>): readonly DoctorFinding[] {
  return lab.libvirt.hypervisors.flatMap(({ name }) => {
    const dark = [...statuses.values()].filter(({ hypervisor, state }) => hypervisor === name && state === "unknown");
    const [first] = dark;
    if (first?.error === undefined) return [];
    const { what, why, next } = first.error;
    return [
      finding(
        "hypervisor",
        "problem",
        name,
        `${what}${why === undefined ? "" : ` ${why}`} It runs ${dark.map(({ host }) => host).join(", ")}.`,
        next,
      ),
    ];
  });
}

/** `the domain cluster-redis-88 (off)`, with where it is. */
export function describeOrphan(orphan: Orphan): string {
  const at = `on hypervisor ${orphan.hypervisor.name}`;
  switch (orphan.kind) {
    case "domain":
      return `the VM ${orphan.name} (${orphan.state}) ${at}`;
    case "volume":
      return `the disk ${orphan.pool}/${orphan.name} ${at}`;
    case "network":
      return `the network ${orphan.name} ${at}`;
  }
}
