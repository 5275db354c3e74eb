import { isLabError, LabError, whatOf } from "../error.ts";

export function hostUnreachable(host: string, cause: Error | undefined): LabError {
  return new LabError({
    code: "operations.host-unreachable",
    what: cause === undefined ? `${host} is not reached.` : whatOf(cause),
    ...(isLabError(cause) && cause.why !== undefined && { why: cause.why }),
    next: isLabError(cause) ? cause.next : "Mend the connection and run the command again.",
    cause,
  });
}

export function unknownInstance(id: string, known: readonly string[]): LabError {
  return new LabError({
    code: "operations.unknown-instance",
    what: `The lab has no instance ${id}.`,
    next: `Its instances are: ${known.join(", ")}.`,
  });
}

export function unknownHost(host: string, known: readonly string[]): LabError {
  return new LabError({
    code: "operations.unknown-host",
    what: `The lab has no host "${host}".`,
    next: `Its hosts are: ${known.join(", ")}.`,
  });
}

export function settingRefused(instance: string, command: string, code: string): LabError {
  return new LabError({
    code: "operations.setting-refused",
    what: `${instance} refused ${command} (${code}).`,
    why: "The value may be out of its range, or the host's limits don't allow it. The configuration file was not changed.",
    next: "Change the setting in the lab and run `redis-lab up` again.",
  });
}

export function hostsRefused(refusals: readonly { readonly host: string; readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "operations.hosts-refused",
    what: `Nothing was touched: ${refusals.length === 1 ? "a host" : "hosts"} can't be brought up.\n${refusals.map(({ host, text, next }) => `  ${host}: ${text}\n    ${next}`).join("\n")}`,
    next: "Mend this and run `redis-lab up` again.",
  });
}

// On VMs that Terraform makes.

export function malformedDomains(why: string): LabError {
  return new LabError({
    code: "operations.malformed-domains",
    what: `REDIS_LAB_DOMAINS can't be read: ${why}.`,
    why: "Terraform hands over the ids of the VMs in it, by host name.",
    next: 'Unset it, or set it to JSON such as {"redis-18": "ID"}.',
  });
}

/** `down` of VMs. */
export function machinesAreTerraforms(lab: string): LabError {
  return new LabError({
    code: "operations.machines-are-terraforms",
    what: `Nothing was touched: the VMs of "${lab}" are Terraform's to remove.`,
    why: "Instances that are stopped inside of them would come back with the next boot or deploy.",
    next: `To remove VMs and data: npx cdktf destroy ${lab}. To wipe the data alone: redis-lab rebuild ${lab}. To stop one instance: redis-lab ssh ${lab} HOST -- sudo systemctl stop redis`,
  });
}

export function noRolling(lab: string, target: string): LabError {
  return new LabError({
    code: "operations.no-rolling",
    what: `On ${target} there is no hardware to change host by host.`,
    why: "`rebuild --rolling` brings VMs that Terraform made to the memory and CPUs that the lab declares.",
    next: `Without --rolling, \`redis-lab rebuild ${lab}\` wipes the data and brings the lab up anew.`,
  });
}

export function notWhole(lab: string, finding: string, next: string | undefined): LabError {
  return new LabError({
    code: "operations.not-whole",
    what: `No further host is taken down: ${finding}`,
    why: "With one host less there must be enough others.",
    next: `${next ?? `Look at \`redis-lab status ${lab}\`, and mend it.`} Then run the same command again: it continues.`,
  });
}

export function noVms(lab: string, why?: string): LabError {
  return new LabError({
    code: "operations.no-vms",
    what: `There are no VMs of "${lab}".`,
    ...(why !== undefined && { why }),
    next: `Make them: npx cdktf deploy ${lab}`,
  });
}

export function vmAbsent(lab: string, host: string, domain: string): LabError {
  return new LabError({
    code: "operations.vm-absent",
    what: `${host}: there is no VM ${domain}.`,
    next: `Make it: npx cdktf deploy ${lab}`,
  });
}

/** A VM that does not run, or ended while it was waited for. */
export function vmOff(
  host: string,
  vm: { readonly domainName: string; readonly uri: string },
  state: "off" | "paused",
  console: string,
): LabError {
  const verb = state === "off" ? "start" : "resume";
  return new LabError({
    code: "operations.vm-off",
    what: `${host}: its VM ${vm.domainName} is ${state}.${console}`,
    next: `Run: virsh -c ${vm.uri} ${verb} ${vm.domainName}`,
  });
}

/** A VM that runs and can't be logged in to. */
export function vmSilent(
  host: string,
  vm: { readonly domainName: string; readonly uri: string },
  seconds: number,
  seen: string,
  console: string,
): LabError {
  return new LabError({
    code: "operations.vm-silent",
    what: `${host}: its VM ${vm.domainName} could not be logged in to within ${seconds} s: ${seen}${console}`,
    next: `Look at it (Ctrl-] ends): virsh -c ${vm.uri} console ${vm.domainName}. An emulated VM may need longer: run the same command again.`,
  });
}

// When a host leaves.

export function tooManyMadeAnew(
  lab: string,
  changes: readonly { readonly host: string; readonly kind: "hardware" | "hypervisor"; readonly text: string }[],
): LabError {
  const way = changes.every(({ kind }) => kind === "hardware")
    ? `Host by host, with roles handed over and data kept: npx redis-lab rebuild ${lab} --rolling.`
    : "Change one host in the labs file and deploy, then the next.";
  return new LabError({
    code: "operations.too-many-made-anew",
    what: `${changes.length} VMs would be destroyed at once: ${changes.map(({ host, text }) => `${host} (${text})`).join(", ")}. Nothing was touched.`,
    why: "Terraform destroys all of them before it makes the first one anew: the lab would be gone meanwhile.",
    next: `${way} To give up the lab instead, undo the change in the labs file and run: npx cdktf destroy ${lab}`,
  });
}

/** Nobody knows the host, so that nobody can say that nothing is lost. */
export function unknownDeparture(lab: string, host: string, why: string): LabError {
  return new LabError({
    code: "operations.unknown-departure",
    what: `The lab "${lab}" declares no host "${host}", this computer remembers none, and ${why}; the host stays.`,
    why: "It may own slots or be a master: with its VM they would be lost.",
    next: `Declare the host again and run \`npx redis-lab up ${lab}\`, which remembers it; then remove it and deploy again. To give up the whole lab: declare it again and run \`npx cdktf destroy ${lab}\`.`,
  });
}

/** A host whose disk is lost while something on it is nobody else's. */
export function lastCopy(instance: string, what: string): LabError {
  return new LabError({
    code: "operations.last-copy",
    what: `${instance} ${what}, and no replica can take that over; the host stays.`,
    why: "Its VM begins anew with an empty disk.",
    next: "Give it a replica (or move its slots away), then run the same command again.",
  });
}
