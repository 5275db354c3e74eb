import type { HostFacts } from "../../bootstrap/facts.ts";
import { portsOf } from "../../lab/instances.ts";
import type { PlacedHost, Placement } from "../../lab/placement.ts";
import { type DoctorFinding, finding } from "./finding.ts";

/** Largest difference between two clocks that is no finding, in milliseconds: well below the shortest node-timeout that anyone uses. */
const CLOCK_TOLERANCE_MS = 1_000;

/** What the operating system of one host really has, against what the lab wants of it. Pure. Hosts that are not managed have only notes here. */
export function checkHost(placement: Placement, host: PlacedHost, facts: HostFacts, rcLocal: string | undefined): readonly DoctorFinding[] {
  const { os } = placement.lab;
  const severity = placement.capabilities.managesHost ? "warning" : "note";
  const up = `Run: redis-lab up ${placement.lab.name}`;
  const next = placement.capabilities.managesHost ? up : undefined;
  const overcommit = facts.sysctl.get("vm.overcommit_memory")?.value;
  const wantedOvercommit = os.sysctl["vm.overcommit_memory"];
  return [
    ...(os.transparentHugepages !== "leave" && facts.thp !== undefined && facts.thp.mode !== os.transparentHugepages
      ? [
          finding(
            "transparent-hugepages",
            severity,
            host.name,
            `transparent huge pages are "${facts.thp.mode}", not "${os.transparentHugepages}": forks for saving copy 2 MiB for each page that is written`,
            next,
          ),
        ]
      : []),
    ...(wantedOvercommit !== undefined && overcommit !== undefined && Number(overcommit) !== wantedOvercommit
      ? [
          finding(
            "overcommit",
            severity,
            host.name,
            `vm.overcommit_memory is ${overcommit}, not ${wantedOvercommit}: saving in the background fails when memory is short`,
            next,
          ),
        ]
      : []),
    ...(facts.swapMiB > 0
      ? [
          finding(
            "swap",
            "note",
            host.name,
            `${facts.swapMiB} MiB of swap: a Redis that is swapped out answers in seconds and looks dead to its peers`,
          ),
        ]
      : []),
    ...(placement.capabilities.managesHost
      ? [...checkRcLocal(placement, host, facts, rcLocal), ...checkSecurity(placement, host, facts)]
      : []),
  ];
}

function checkRcLocal(placement: Placement, host: PlacedHost, facts: HostFacts, rcLocal: string | undefined): DoctorFinding[] {
  if (rcLocal === undefined || placement.lab.os.transparentHugepages === "leave") return [];
  const fact = facts.paths.get(rcLocal);
  if (fact === undefined)
    return [
      finding(
        "rc-local",
        "warning",
        host.name,
        `${rcLocal} is absent: transparent huge pages come back with the next boot`,
        `Run: redis-lab up ${placement.lab.name}`,
      ),
    ];
  return (fact.mode & 0o100) === 0
    ? [
        finding(
          "rc-local",
          "warning",
          host.name,
          `${rcLocal} is not executable, so it is not run at boot`,
          `Run: redis-lab up ${placement.lab.name}`,
        ),
      ]
    : [];
}

function checkSecurity(placement: Placement, host: PlacedHost, facts: HostFacts): DoctorFinding[] {
  const wanted = host.instances.flatMap((instance) => portsOf(placement.lab.layout, instance)).map((port) => `${port}/tcp`);
  const closed = facts.firewalld.running ? wanted.filter((port) => !facts.firewalld.ports.includes(port)) : [];
  return [
    ...(closed.length > 0
      ? [
          finding(
            "firewall",
            "problem",
            host.name,
            `firewalld runs and does not name ${closed.join(", ")}`,
            "Set os.openFirewall, or open them: firewall-cmd --permanent --add-port=PORT/tcp",
          ),
        ]
      : []),
    ...(facts.selinux === "enforcing" && facts.label !== undefined && !facts.label.includes(":bin_t:")
      ? [
          finding(
            "selinux",
            "warning",
            host.name,
            `the programs below ${host.paths.bin} carry the label ${facts.label}, not bin_t: Redis runs in the domain of systemd itself, and newer systems refuse to start it`,
            "Run: redis-lab up; it sets the label (semanage fcontext, restorecon).",
          ),
        ]
      : []),
  ];
}

/** A clock reading of a host: its own time, and the time here before and after asking. Milliseconds since the epoch. */
export interface ClockReading {
  readonly host: string;
  readonly theirs: number;
  readonly asked: number;
  readonly answered: number;
}

/** Clocks that are apart by more than the uncertainty of the reading and the tolerance. Pure. */
export function checkClocks(readings: readonly ClockReading[]): readonly DoctorFinding[] {
  return readings.flatMap(({ host, theirs, asked, answered }) => {
    const ahead = theirs - answered;
    const behind = asked - theirs;
    const skew = Math.max(ahead, behind);
    return skew > CLOCK_TOLERANCE_MS
      ? [
          finding(
            "clock",
            "warning",
            host,
            `its clock is ${(skew / 1000).toFixed(1)} s ${ahead > behind ? "ahead of" : "behind"} this computer's: expiry times and logs don't fit together`,
            "Let chrony or ntpd run on every host.",
          ),
        ]
      : [];
  });
}
