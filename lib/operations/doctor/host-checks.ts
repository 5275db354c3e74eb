import { portsOf } from "../../lab/instances.ts";
import { thpUnit } from "../../render/host-files.ts";
import { everywhere, hostCheck, onManagedHosts } from "./check.ts";
import { byManagement, upOf } from "./finding.ts";

// What the operating system of a host really has, against what the lab wants of it. Of a host that is not managed these are notes: nobody asked redis-lab to change it.

/** Largest difference between two clocks that is not a finding, in milliseconds: well below the shortest node-timeout that anyone uses. */
const CLOCK_TOLERANCE_MS = 1_000;

export const transparentHugepages = hostCheck({
  name: "transparent-hugepages",
  about: "transparent huge pages of the kernel are as `os.transparentHugepages` says",
  appliesTo: everywhere,
  *check({ placement, host, facts }) {
    const { transparentHugepages: wanted } = placement.lab.os;
    if (wanted === "leave" || facts.thp === undefined || facts.thp.mode === wanted) return;
    yield {
      subject: host.name,
      text: `transparent huge pages are "${facts.thp.mode}", not "${wanted}": forks for saving copy 2 MiB for each page that is written`,
      ...byManagement(placement),
    };
  },
});

export const overcommit = hostCheck({
  name: "overcommit",
  about: "`vm.overcommit_memory` of the kernel is as `os.sysctl` says",
  appliesTo: everywhere,
  *check({ placement, host, facts }) {
    const wanted = placement.lab.os.sysctl["vm.overcommit_memory"];
    const value = facts.sysctl.get("vm.overcommit_memory")?.value;
    if (wanted === undefined || value === undefined || Number(value) === wanted) return;
    yield {
      subject: host.name,
      text: `vm.overcommit_memory is ${value}, not ${wanted}: saving in the background fails when memory is short`,
      ...byManagement(placement),
    };
  },
});

/** Less than this is no room for what one save or a log writes, in MiB. */
const LEAST_FREE_MIB = 100;

export const disk = hostCheck({
  name: "disk",
  about: "there is room for what the instances save: 100 MiB at least",
  appliesTo: everywhere,
  *check({ host, facts }) {
    const free = facts.freeMiB.prefix;
    if (free >= LEAST_FREE_MIB) return;
    yield {
      severity: "problem",
      subject: host.name,
      text: `${free} MiB are free for ${host.paths.prefix}: saves and logs fail when it is full`,
      next: `Free some space there: \`redis-lab ssh LAB ${host.name} -- df -h\``,
    };
  },
});

export const swap = hostCheck({
  name: "swap",
  about: "the host has no swap",
  appliesTo: everywhere,
  *check({ host, facts }) {
    if (facts.swapMiB === 0) return;
    yield {
      severity: "note",
      subject: host.name,
      text: `${facts.swapMiB} MiB of swap: a Redis that is swapped out answers in seconds and looks dead to its peers`,
    };
  },
});

export const hugepagesAtBoot = hostCheck({
  name: "hugepages-at-boot",
  about:
    "what sets transparent huge pages at every boot is in place: the unit is enabled, or rc.local is executable (`os.transparentHugepagesBy`)",
  appliesTo: onManagedHosts,
  *check({ placement, host, facts, rcLocal: path }) {
    const { name, os } = placement.lab;
    if (os.transparentHugepages === "leave") return;
    const found = { severity: "warning", subject: host.name, next: upOf(placement) } as const;
    if (os.transparentHugepagesBy === "unit") {
      if (facts.thpUnit?.enabled === true) return;
      const state = facts.thpUnit === undefined ? "absent" : "not enabled";
      yield { ...found, text: `${thpUnit(name)} is ${state}: transparent huge pages come back with the next boot` };
      return;
    }
    const fact = facts.paths.get(path);
    if (fact === undefined) yield { ...found, text: `${path} is absent: transparent huge pages come back with the next boot` };
    else if ((fact.mode & 0o100) === 0) yield { ...found, text: `${path} is not executable, so it is not run at boot` };
  },
});

export const firewall = hostCheck({
  name: "firewall",
  about: "a firewalld that runs names the ports of the host's instances",
  appliesTo: onManagedHosts,
  *check({ placement, host, facts }) {
    const wanted = host.instances.flatMap((instance) => portsOf(placement.lab.layout, instance)).map((port) => `${port}/tcp`);
    const closed = facts.firewalld.running ? wanted.filter((port) => !facts.firewalld.ports.includes(port)) : [];
    if (closed.length === 0) return;
    yield {
      severity: "problem",
      subject: host.name,
      text: `firewalld runs and does not name ${closed.join(", ")}`,
      next: "Set os.openFirewall, or open them: firewall-cmd --permanent --add-port=PORT/tcp",
    };
  },
});

export const selinux = hostCheck({
  name: "selinux",
  about: "under SELinux the programs carry the label `bin_t`",
  appliesTo: onManagedHosts,
  *check({ host, facts }) {
    if (facts.selinux !== "enforcing" || facts.label === undefined || facts.label.includes(":bin_t:")) return;
    yield {
      severity: "warning",
      subject: host.name,
      text: `the programs below ${host.paths.bin} carry the label ${facts.label}, not bin_t: Redis runs in the domain of systemd itself, and newer systems refuse to start it`,
      next: "Run: redis-lab up; it sets the label (semanage fcontext, restorecon).",
    };
  },
});

export const clock = hostCheck({
  name: "clock",
  about: "the host's clock is within a second of this computer's",
  appliesTo: everywhere,
  /** Only what is more than the uncertainty of the reading and the tolerance counts. */
  *check({ host, facts, asked, answered }) {
    const ahead = facts.clockMs - answered;
    const behind = asked - facts.clockMs;
    const skew = Math.max(ahead, behind);
    if (skew <= CLOCK_TOLERANCE_MS) return;
    yield {
      severity: "warning",
      subject: host.name,
      text: `its clock is ${(skew / 1000).toFixed(1)} s ${ahead > behind ? "ahead of" : "behind"} this computer's: expiry times and logs don't fit together`,
      next: "Let chrony or ntpd run on every host.",
    };
  },
});

export const files = hostCheck({
  name: "files",
  about: "`plan` would change nothing: files, packages, units and running configurations are as rendered",
  appliesTo: everywhere,
  *check({ placement, host, facts, plan }) {
    const next = `Run: redis-lab plan ${placement.lab.name}`;
    for (const text of facts.problems) yield { severity: "warning", subject: host.name, text };
    for (const { step, summary } of plan.changes) yield { severity: "warning", subject: host.name, text: `${step}: ${summary}`, next };
    for (const { instance, live, restart } of plan.reconfigure)
      yield { severity: "warning", subject: instance, text: `its configuration differs in ${[...live, ...restart].join(", ")}`, next };
  },
});
