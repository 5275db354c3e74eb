import type { Orphan } from "../../libvirt/orphans.ts";
import { hypervisorsCheck, onVms, vmCheck } from "./check.ts";
import { needsAPerson } from "./orphans.ts";

// Hypervisors, the VMs that they run, and what is left over there.

export const hypervisor = hypervisorsCheck({
  name: "hypervisor",
  about: "libvirt of every hypervisor answers",
  appliesTo: onVms,
  /** One finding for each that does not, with the VMs of which nothing is known therefore. */
  *check({ hypervisors, statuses }) {
    for (const name of hypervisors) {
      const unknown = statuses.filter(({ hypervisor, state }) => hypervisor === name && state === "unknown");
      const error = unknown[0]?.error;
      if (error === undefined) continue;
      const { what, why, next } = error;
      yield {
        severity: "problem",
        subject: name,
        text: `${what}${why === undefined ? "" : ` ${why}`} It runs ${unknown.map(({ host }) => host).join(", ")}.`,
        next,
      };
    }
  },
});

export const vm = vmCheck({
  name: "vm",
  about: "the VM exists and runs",
  appliesTo: onVms,
  *check({ lab, vm: { host, hypervisor }, status }) {
    if (status === undefined) return;
    const { state, domainName } = status;
    if (state === "absent")
      yield { severity: "problem", subject: host, text: `there is no VM ${domainName}`, next: `Run: npx cdktf deploy ${lab}` };
    if (state === "off" || state === "paused")
      yield {
        severity: "problem",
        subject: host,
        text: `its VM ${domainName} is ${state}`,
        next: `Run: virsh -c ${hypervisor.uri} ${state === "off" ? "start" : "resume"} ${domainName}`,
      };
  },
});

export const hardware = vmCheck({
  name: "hardware",
  about: "the VM has the CPUs and the memory that the lab declares",
  appliesTo: onVms,
  *check({ lab, vm: { host, vcpus, memoryMiB }, status }) {
    if (status === undefined) return;
    if ((status.vcpus ?? vcpus) === vcpus && (status.memoryMiB ?? memoryMiB) === memoryMiB) return;
    yield {
      severity: "warning",
      subject: host,
      text: `its VM has ${status.vcpus} CPUs and ${status.memoryMiB} MiB; the lab declares ${vcpus} and ${memoryMiB}`,
      next: `Host by host, data kept: redis-lab rebuild ${lab} --rolling`,
    };
  },
});

export const cloudInit = vmCheck({
  name: "cloud-init",
  about: "cloud-init of the VM came to its end without errors",
  appliesTo: onVms,
  *check({ lab, vm: { host }, cloudInit: result }) {
    const found = {
      severity: "warning",
      subject: host,
      next: `See: redis-lab ssh ${lab} ${host} -- sudo cloud-init status --long`,
    } as const;
    if (result?.kind === "running") yield { ...found, text: "cloud-init has not come to its end" };
    if (result?.kind === "failed") yield { ...found, text: `cloud-init ended with errors: ${result.errors.join("; ")}` };
  },
});

export const orphans = hypervisorsCheck({
  name: "orphans",
  about: "libvirt has nothing of the lab that Terraform does not know",
  appliesTo: onVms,
  *check({ lab, orphans: left, orphansUnknown }) {
    if (orphansUnknown !== undefined)
      yield { severity: "note", subject: undefined, text: `what is left over in libvirt is not known: ${orphansUnknown}` };
    for (const orphan of left)
      yield {
        severity: "problem",
        subject: orphan.name,
        text: `${describeOrphan(orphan)} is unknown to Terraform: the next deploy stumbles over it`,
        next:
          needsAPerson(orphan) === undefined
            ? `Remove it: redis-lab doctor ${lab} --fix`
            : `It may be of a deploy from another folder or computer: deploy from there. Where it is not, remove it on a terminal: redis-lab doctor ${lab} --fix`,
      };
  },
});

export const deployed = hypervisorsCheck({
  name: "deployed",
  about: "networks, images and disks that a deploy made are there, active, and have the VMs plugged in",
  appliesTo: onVms,
  *check({ missing }) {
    for (const { what, why, next } of missing)
      yield { severity: "problem", subject: undefined, text: [what, why].filter(Boolean).join(" ").replace(/\.$/, ""), next };
  },
});

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
    default:
      return orphan satisfies never;
  }
}
