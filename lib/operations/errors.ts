import { isLabError, LabError, whatOf } from "../base/error.ts";
import { byCount } from "../base/text.ts";
import { DEFAULT_TARGET } from "../lab/targets.ts";

export function hostUnreachable(host: string, cause: Error | undefined): LabError {
  return new LabError({
    code: "operations.host-unreachable",
    kind: "environment",
    what: cause === undefined ? `${host} is not reached.` : whatOf(cause),
    why: isLabError(cause) ? cause.why : undefined,
    next: isLabError(cause) ? cause.next : "Fix the connection and run the command again.",
    cause,
  });
}

export function unknownInstance(id: string, known: readonly string[]): LabError {
  return new LabError({
    code: "operations.unknown-instance",
    kind: "usage",
    what: `The lab has no instance ${id}.`,
    next: `Its instances are: ${known.join(", ")}.`,
  });
}

export function unknownHost(host: string, known: readonly string[]): LabError {
  return new LabError({
    code: "operations.unknown-host",
    kind: "usage",
    what: `The lab has no host "${host}".`,
    next: `Its hosts are: ${known.join(", ")}.`,
  });
}

/** Something answers at the address of an instance, and it is another server: nothing is sent to it. */
export function notThisInstance(
  id: string,
  seen: { readonly configFile: string; readonly executable: string },
  expected: string,
): LabError {
  const runs = seen.executable === "" ? "it does not say what it runs" : `it runs ${seen.executable}`;
  return new LabError({
    code: "operations.not-this-instance",
    kind: "refused",
    what: `${id}: another server answers there: ${runs} with ${seen.configFile === "" ? "no configuration file" : seen.configFile}.`,
    why: `The lab's own runs its build with ${expected}. Nothing is sent to a server that is not the lab's.`,
    next: "End that server and keep it from starting again, or give the instance another port (on this computer: the lab another network.loopback).",
  });
}

/** @param reply of the instance to INFO, the first thing that it is asked */
export function lockedInstance(id: string, reply: string): LabError {
  return new LabError({
    code: "operations.locked-instance",
    kind: "refused",
    what: `${id} does not let redis-lab in: ${reply}`,
    why: "Another person or program has set a password or a rule of access there (requirepass, ACL SETUSER), and it is not the lab's.",
    next: "Take that back at the instance with the password that was set. Where nobody has it: `redis-lab rebuild LAB`, which gives up the data of the lab.",
  });
}

/** Another folder has the same lab up, on the same addresses. */
export function otherCheckout(address: string, { root, lab }: { readonly root: string; readonly lab: string }, cause: Error): LabError {
  return new LabError({
    code: "operations.other-checkout",
    kind: "refused",
    what: `${address} belongs to the lab "${lab}" of ${root}, which runs on the same loopback network as this one.`,
    why: "Each lab on this computer needs a loopback network of its own, whatever folder it is declared in.",
    next: `End the other one (in ${root}: redis-lab down ${lab}), or give this one another \`network.loopback\` in its labs file.`,
    cause,
  });
}

export function orphansElsewhere(lab: string, target: string): LabError {
  return new LabError({
    code: "operations.orphans-elsewhere",
    kind: "usage",
    what: `On ${target} nothing is lost sight of: systemd knows its units.`,
    why: "--orphans is for processes on this computer whose files were deleted.",
    next: `Stop the lab: redis-lab down ${lab} --target ${target}. Processes on this computer: redis-lab down ${lab} --orphans --target local`,
  });
}

export function orphansLeft(lab: string, pids: readonly number[]): LabError {
  return new LabError({
    code: "operations.orphans-left",
    kind: "environment",
    what: `${byCount(pids.length, "A process", "Processes")} of "${lab}" still ${byCount(pids.length, "runs", "run")}: ${pids.join(", ")}.`,
    why: "Redis does not end while it cannot save its data, and its folder is there: what it holds is not thrown away.",
    next: "Make room or repair the folder, and run the same command again.",
  });
}

export function noRedisCli(program: string, word: string | undefined): LabError {
  return new LabError({
    code: "operations.no-redis-cli",
    kind: "environment",
    what: `There is no ${program} on this computer, and ${word ?? "this"} needs it.`,
    why: `Single commands go without it; options of ${program}, MONITOR and SUBSCRIBE are its own.`,
    next: `Install it (packages redis-tools or redis), or run it on the host: redis-lab ssh LAB HOST`,
  });
}

export function redisCliNotStarted(file: string, why: string): LabError {
  return new LabError({
    code: "operations.redis-cli-not-started",
    kind: "environment",
    what: `${file} can't be started: ${why}`,
    next: "Repair it: `redis-lab up LAB` installs that of a lab again.",
  });
}

/** `-c`, `--cluster`: redis-cli opens further connections by itself. @param local they need the password only, and no way through SSH */
export function redisCliTooOld(file: string, local: boolean): LabError {
  return new LabError({
    code: "operations.redis-cli-too-old",
    kind: "refused",
    what: `${file} can't connect to further nodes here (-c, --cluster).`,
    why: local
      ? "Before 5.0 redis-cli takes a password on its command line alone, where everybody on this computer can read it."
      : "The other nodes are reached through SSH, and redis-cli would connect to them directly.",
    next: "Leave -c out: a MOVED names the node to ask. What --cluster does, `redis-lab cluster` does.",
  });
}

export function noHostOfRole(lab: string, role: string, roles: readonly string[]): LabError {
  return new LabError({
    code: "operations.no-host-of-role",
    kind: "refused",
    what: `No host of "${lab}" has an instance that is a ${role} now; the roles are: ${roles.join(", ")}.`,
    why: "The role counts that an instance has, and not the declared one. Of an instance that is down it is unknown.",
    next: `Look at them: redis-lab status ${lab}`,
  });
}

/** An instance that was never brought up. */
export function notInstalled(lab: string, instance: string): LabError {
  return new LabError({
    code: "operations.not-installed",
    kind: "refused",
    what: `${instance} is not installed: its host has no configuration of it.`,
    next: `Bring the lab up first: redis-lab up ${lab}`,
  });
}

/** What has the place of an instance is not the lab's. @param seen who it is, as the end of a sentence that begins with the instance */
export function notOurs(lab: string, instance: string, seen: string): LabError {
  return new LabError({
    code: "operations.not-ours",
    kind: "refused",
    what: `${instance}: ${seen}; it was not touched.`,
    why: `redis-lab touches a process only with proof that it started it for "${lab}".`,
    next: "Handle it with the host's own tools, or give the lab another port.",
  });
}

export function settingRefused(instance: string, command: string, code: string): LabError {
  return new LabError({
    code: "operations.setting-refused",
    kind: "refused",
    what: `${instance} refused ${command} (${code}).`,
    why: "The value may be out of its range, or the host's limits don't allow it. The configuration file was not changed.",
    next: "Change the setting in the lab and run `redis-lab up` again.",
  });
}

export function hostsRefused(refusals: readonly { readonly host: string; readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "operations.hosts-refused",
    kind: "refused",
    what: `Nothing was touched: ${byCount(refusals.length, "a host", "hosts")} can't be brought up.\n${refusals.map(({ host, text, next }) => `  ${host}: ${text}\n    ${next}`).join("\n")}`,
    next: "Fix this and run `redis-lab up` again.",
  });
}

// On VMs that Terraform makes.

export function malformedDomains(why: string): LabError {
  return new LabError({
    code: "operations.malformed-domains",
    kind: "usage",
    what: `REDIS_LAB_DOMAINS can't be read: ${why}.`,
    why: "Terraform hands over the ids of the VMs in it, by host name.",
    next: 'Unset it, or set it to JSON such as {"redis-18": "ID"}.',
  });
}

/** `down` of VMs. */
export function machinesAreTerraforms(lab: string): LabError {
  return new LabError({
    code: "operations.machines-are-terraforms",
    kind: "usage",
    what: `Nothing was touched: the VMs of "${lab}" are Terraform's to remove.`,
    why: "Instances that are stopped inside of them would come back with the next boot or deploy.",
    next: `To remove VMs and data: npx cdktf destroy ${lab}. To wipe the data alone: redis-lab rebuild ${lab}. To stop one instance: redis-lab stop ${lab} HOST:PORT`,
  });
}

export function noRolling(lab: string, target: string): LabError {
  return new LabError({
    code: "operations.no-rolling",
    kind: "usage",
    what: `On ${target} there is no hardware to change host by host.`,
    why: "`rebuild --rolling` brings VMs that Terraform made to the memory and CPUs that the lab declares.",
    next: `Without --rolling, \`redis-lab rebuild ${lab}\` wipes the data and brings the lab up again from nothing.`,
  });
}

export function notWhole(lab: string, finding: string, next: string | undefined): LabError {
  return new LabError({
    code: "operations.not-whole",
    kind: "refused",
    what: `No further host is taken down: ${finding}`,
    why: "With one host less there must be enough others.",
    next: `${next ?? `Look at \`redis-lab status ${lab}\`, and fix it.`} Then run the same command again: it continues.`,
  });
}

export function noVms(lab: string, why?: string): LabError {
  return new LabError({
    code: "operations.no-vms",
    kind: "refused",
    what: `There are no VMs of "${lab}".`,
    why,
    next: `Make them: npx cdktf deploy ${lab}. For the lab on another target say which: --target ${DEFAULT_TARGET}`,
  });
}

export function vmAbsent(lab: string, host: string, domain: string): LabError {
  return new LabError({
    code: "operations.vm-absent",
    kind: "refused",
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
    kind: "environment",
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
    kind: "environment",
    what: `${host}: its VM ${vm.domainName} could not be logged in to within ${seconds} s: ${seen}${console}`,
    next: `Look at it (Ctrl-] ends): virsh -c ${vm.uri} console ${vm.domainName}. An emulated VM may need longer: run the same command again.`,
  });
}

/** Another computer answers at the address of a VM: `shown` on its console, `seen` there; fingerprints. */
export function vmForeignKey(
  host: string,
  vm: { readonly domainName: string; readonly uri: string },
  shown: string,
  seen: string,
): LabError {
  return new LabError({
    code: "operations.vm-host-key",
    kind: "refused",
    what: `${host}: the computer at its address is not its VM ${vm.domainName}: the host key there is ${seen}, and the VM's console shows ${shown}.`,
    why: "Another computer has the address of the VM, or stands in between. No secret was sent to it, and its key is not kept.",
    next: `Find that computer (\`ip neigh\` shows its MAC address), and look at the VM (Ctrl-] ends): virsh -c ${vm.uri} console ${vm.domainName}. Then run the same command again.`,
  });
}

// When a host leaves.

export function tooManyReplaced(
  lab: string,
  changes: readonly { readonly host: string; readonly kind: "hardware" | "hypervisor"; readonly text: string }[],
): LabError {
  const way = changes.every(({ kind }) => kind === "hardware")
    ? `Host by host, with roles handed over and data kept: npx redis-lab rebuild ${lab} --rolling.`
    : "Change one host in the labs file and deploy, then the next.";
  return new LabError({
    code: "operations.too-many-replaced",
    kind: "refused",
    what: `${changes.length} VMs would be destroyed at once: ${changes.map(({ host, text }) => `${host} (${text})`).join(", ")}. Nothing was touched.`,
    why: "Terraform destroys all of them before it makes the first one again: the lab would be gone meanwhile.",
    next: `${way} To give up the lab instead, undo the change in the labs file and run: npx cdktf destroy ${lab}`,
  });
}

/** Nobody knows the host, so that nobody can say that nothing is lost. */
export function unknownMembers(lab: string, host: string, why: string): LabError {
  return new LabError({
    code: "operations.unknown-members",
    kind: "refused",
    what: `The lab "${lab}" declares no host "${host}", this computer remembers none, and ${why}; the host stays.`,
    why: "It may own slots or be a master: with its VM they would be lost.",
    next: `Declare the host again and run \`npx redis-lab up ${lab}\`, which remembers it; then remove it and deploy again. To give up the whole lab: declare it again and run \`npx cdktf destroy ${lab}\`.`,
  });
}

/** A host whose disk is lost while something on it is nobody else's. */
export function lastCopy(instance: string, what: string): LabError {
  return new LabError({
    code: "operations.last-copy",
    kind: "refused",
    what: `${instance} ${what}, and no replica can take that over; the host stays.`,
    why: "Its VM begins again with an empty disk.",
    next: "Give it a replica (or move its slots away), then run the same command again.",
  });
}

// The verb load.

export function noShards(lab: string): LabError {
  return new LabError({
    code: "operations.no-shards",
    kind: "refused",
    what: `No instance of ${lab} that answers is a master with a part of the data: there is nothing to load.`,
    next: `Look at \`redis-lab status ${lab}\`; \`redis-lab up ${lab}\` starts and forms what is missing.`,
  });
}

export function waitOfClient(): LabError {
  return new LabError({
    code: "operations.wait-of-client",
    kind: "usage",
    what: "--wait is not for a client under test: redis-lab sends nothing itself then.",
    next: "Leave it out, and let your client send WAIT behind its writes and answer `unknown` where too few replicas have them.",
  });
}

// The verb failover.

export function failoverOfShards(lab: string): LabError {
  return new LabError({
    code: "operations.failover-of-shards",
    kind: "usage",
    what: `"${lab}" is a cluster, which has a master for each shard.`,
    next: `Name the replica that is to take over: redis-lab cluster failover ${lab} HOST:PORT`,
  });
}

export function whichMaster(lab: string, masters: readonly string[]): LabError {
  return new LabError({
    code: "operations.which-master",
    kind: "usage",
    what: `"${lab}" has several masters: ${masters.join(", ")}.`,
    next: `Name the one that is to hand over its role: redis-lab failover ${lab} ${masters[0] ?? "HOST:PORT"}`,
  });
}

export function sentinelsChoose(lab: string, why: string, master?: string): LabError {
  return new LabError({
    code: "operations.sentinels-choose",
    kind: "usage",
    what: why,
    next:
      master === undefined
        ? `Look at what they do: redis-lab status ${lab} --watch`
        : `Name the master that is to hand over its role: redis-lab failover ${lab} ${master}`,
  });
}
