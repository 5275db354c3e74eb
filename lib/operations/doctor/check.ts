import type { HostFacts } from "../../bootstrap/facts.ts";
import type { HostPlan } from "../../bootstrap/plan.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../../lab/placement.ts";
import type { Secrets } from "../../lab/secrets.ts";
import type { TargetCapabilities } from "../../lab/targets.ts";
import type { Vm } from "../../lab/vms.ts";
import type { DomainStatus } from "../../libvirt/domains.ts";
import type { Orphan } from "../../libvirt/orphans.ts";
import type { PreflightFinding } from "../../libvirt/preflight-finding.ts";
import type { OpenFault } from "../fault.ts";
import type { Status } from "../status.ts";
import type { CloudInitResult } from "../vms/cloud-init.ts";
import type { DoctorFinding, Found } from "./finding.ts";
import type { PortReading } from "./ports.ts";

/** A host or an instance that could not be looked at. */
export interface Unreachable {
  readonly subject: string;
  readonly error: unknown;
  /** @default what the error says */
  readonly next?: string | undefined;
}

/** What was seen of the lab as a whole. */
export interface LabReading {
  readonly placement: Placement;
  readonly status: Status;
  readonly ports: readonly PortReading[];
  /** Hosts and instances that could not be looked at, with the reason. */
  readonly unreachable: readonly Unreachable[];
  /** Faults that are not undone. */
  readonly faults: readonly OpenFault[];
  /** Other people who have an account on this computer; empty where the lab is on others. */
  readonly people: readonly string[];
}

/** What one look at a host saw, and what `up` would do to it. */
export interface HostReading {
  readonly placement: Placement;
  readonly host: PlacedHost;
  readonly facts: HostFacts;
  /** Path of the boot script of the host's OS family. */
  readonly rcLocal: string;
  readonly plan: Pick<HostPlan, "changes" | "reconfigure">;
  /** This computer's time before and after the host gave its own (`facts.clockMs`), in milliseconds since the epoch. */
  readonly asked: number;
  readonly answered: number;
}

/** What a running instance says of itself, and what is wanted of it. */
export interface InstanceReading {
  readonly placement: Placement;
  readonly instance: PlacedInstance;
  /** CONFIG GET *; empty for a sentinel, which has none. */
  readonly config: Readonly<Record<string, string>>;
  /** Soft limit of open files of the process; undefined where it could not be read. */
  readonly openFiles: number | undefined;
  /** Directives of the rendered file: name → arguments of each line. */
  readonly wanted: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly secrets: Secrets;
  /** Effective limit of the host's accept queue; undefined where the kernel does not say. */
  readonly somaxconn: number | undefined;
}

/** What was seen of one VM of the lab. */
export interface VmReading {
  readonly lab: string;
  readonly vm: Vm;
  /** Undefined where its hypervisor said nothing of it. */
  readonly status: DomainStatus | undefined;
  /** Undefined where the VM could not be logged in to. */
  readonly cloudInit: CloudInitResult | undefined;
}

/** What was seen of the hypervisors of a lab. */
export interface HypervisorsReading {
  readonly lab: string;
  /** Names, in the order of the lab. */
  readonly hypervisors: readonly string[];
  readonly statuses: readonly DomainStatus[];
  readonly orphans: readonly Orphan[];
  /** What is missing of networks, images and disks that a deploy made. */
  readonly missing: readonly PreflightFinding[];
  /** Why it is not known what is left over; undefined where it is. */
  readonly orphansUnknown: string | undefined;
}

/** Everything that doctor gathered before the first check. */
export interface Examination {
  readonly lab: LabReading;
  /** Of the hosts that answered. */
  readonly hosts: readonly HostReading[];
  /** Of the instances that answered. */
  readonly instances: readonly InstanceReading[];
  /** Empty on a target without VMs, as is `vms`. */
  readonly hypervisors: readonly HypervisorsReading[];
  readonly vms: readonly VmReading[];
}

/** One thing that doctor looks at: a row of `DOCTOR_CHECKS`. */
export interface DoctorCheck<Name extends string = string> {
  /** In kebab case; stable, so that scripts can branch on it. */
  readonly name: Name;
  /** What is compared, for the table in README.md: one line, without a full stop. */
  readonly about: string;
  /** Whether a target with these capabilities has what the check looks at. */
  appliesTo(capabilities: TargetCapabilities): boolean;
  /** Whether anything was seen that it could look at: where no host or no instance answered, it says nothing of them, and they are not fine for it. Pure. */
  sees(examination: Examination): boolean;
  /** Pure. */
  check(examination: Examination): readonly DoctorFinding<Name>[];
}

/** The same as its author writes it: of one reading, and without a name in what it finds. */
export interface CheckOf<Reading, Name extends string = string> {
  readonly name: Name;
  readonly about: string;
  appliesTo(capabilities: TargetCapabilities): boolean;
  /** Pure. */
  check(reading: Reading): Iterable<Found & { readonly check?: never }>;
}

/** A check of the lab as a whole. */
export const labCheck = checkOfEach(({ lab }) => [lab]);
/** A check of the ways between hosts. */
export const waysCheck = checkOfEach(({ lab }) => (lab.ports.length === 0 ? [] : [lab]));
/** A check of each host. */
export const hostCheck = checkOfEach(({ hosts }) => hosts);
/** A check of each instance. */
export const instanceCheck = checkOfEach(({ instances }) => instances);
/** A check of the hypervisors of the lab. */
export const hypervisorsCheck = checkOfEach(({ hypervisors }) => hypervisors);
/** A check of each VM. */
export const vmCheck = checkOfEach(({ vms }) => vms);

/** A check of all instances that answered, together with the rest that was seen. */
export const allInstancesCheck = checkOfEach((examination) => (examination.instances.length === 0 ? [] : [examination]));

function checkOfEach<Reading>(select: (examination: Examination) => readonly Reading[]) {
  return <const Name extends string>({ name, about, appliesTo, check }: CheckOf<Reading, Name>): DoctorCheck<Name> => ({
    name,
    about,
    appliesTo,
    sees: (examination) => select(examination).length > 0,
    check: (examination) =>
      select(examination).flatMap((reading) =>
        Array.from(check(reading), ({ severity, subject, text, next }) => ({ check: name, severity, subject, text, next })),
      ),
  });
}

/** `appliesTo` of what every target has. */
export const everywhere = (): boolean => true;
/** `appliesTo` of what belongs to a host that redis-lab manages. */
export const onManagedHosts = ({ managesHost }: TargetCapabilities): boolean => managesHost;
/** `appliesTo` of what belongs to a lab on this computer. */
export const onSharedNetwork = (capabilities: TargetCapabilities): boolean => capabilities.network === "computer";
/** `appliesTo` of what belongs to VMs. */
export const onVms = ({ machines }: TargetCapabilities): boolean => machines === "terraform";
