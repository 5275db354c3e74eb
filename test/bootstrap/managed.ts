import type { HostFacts, InstanceFact } from "../../lib/bootstrap/facts.ts";
import { type PlanRequest, planHost } from "../../lib/bootstrap/plan-host.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import { redisVersion } from "../support/versions.ts";
import { SECRETS } from "./support.ts";

/** A host of a managed cluster lab, as facts would be on a machine that has only its system. */
export const LAB = defineLab({
  name: "pure",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.3.0/24" },
  hosts: [18, 28, 38].map((number) => ({ name: `redis-${number}`, address: `192.168.1.${number}` })),
  layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"] },
  os: { operatorPackages: ["lsof"] },
});

export const IDLE: InstanceFact = {
  process: undefined,
  provenBy: undefined,
  buildKey: undefined,
  stalePidFile: false,
  unit: undefined,
  restartPending: undefined,
};

/** The lab on managed hosts. */
export const managedPlacement = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });

export const BARE: HostFacts = {
  host: "redis-18",
  os: { ID: "debian", VERSION_ID: "12", PRETTY_NAME: "Debian GNU/Linux 12 (bookworm)", ID_LIKE: "" },
  arch: "x86_64",
  libc: "glibc 2.36",
  kernel: "6.1.0",
  uid: 0,
  userName: "root",
  groupName: "root",
  systemd: 252,
  selinux: "disabled",
  firewalld: { running: false, ports: [] },
  thp: { mode: "always", writable: true },
  thpUnit: undefined,
  noFileHard: 524_288,
  sysctl: new Map([
    ["net.core.somaxconn", { value: "4096", writable: true }],
    ["vm.overcommit_memory", { value: "0", writable: true }],
  ]),
  sysctlLines: [],
  memoryMiB: 2_000,
  swapMiB: 0,
  freeMiB: { prefix: 8_000, build: 8_000 },
  clockMs: 0,
  commands: new Set(["apt-get"]),
  packages: new Set(["iproute2"]),
  user: undefined,
  group: false,
  paths: new Map(),
  files: new Map(),
  repositories: [],
  binFolder: undefined,
  label: undefined,
  build: undefined,
  applied: { files: {}, packages: [], folders: [], kernel: {} },
  instances: new Map([["redis-18:6379", IDLE]]),
  labs: new Set(),
  foreignListeners: [],
  problems: [],
};

export const CENTOS: HostFacts = {
  ...BARE,
  os: { ID: "centos", VERSION_ID: "7", PRETTY_NAME: "CentOS Linux 7 (Core)", ID_LIKE: "rhel fedora" },
  libc: "glibc 2.17",
  systemd: 219,
  selinux: "enforcing",
  commands: new Set(["yum", "restorecon"]),
  packages: new Set(["iproute"]),
};

/** The plan of a managed host for facts that differ from a bare one. */
export function planFor(facts: HostFacts, more: Partial<PlanRequest> = {}, lab: Lab = LAB) {
  const placement = placeLab(lab, { target: "ssh", hostsFolder: "/unused" });
  const host = placement.hosts.find(({ name }) => name === facts.host);
  if (host === undefined) throw new Error(`no host ${facts.host}`);
  return planHost(facts, {
    placement,
    host,
    secrets: SECRETS,
    build: { key: "a".repeat(64), version: redisVersion("4.0.14"), compiles: true },
    ...more,
  });
}

export function subjects(plan: ReturnType<typeof planFor>, step: string): readonly string[] {
  return plan.changes.filter((change) => change.step === step).map(({ subject }) => subject);
}
