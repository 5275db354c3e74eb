import { maxmemoryBytes } from "../lab/check.ts";
import { compilerAdvice } from "./build.ts";
import type { HostFacts } from "./facts.ts";
import { BUILD_ROOT } from "./facts-script.ts";
import { describeListener, foreignListenersOf } from "./foreign-listeners.ts";
import { isOurs, labOfFile } from "./ownership.ts";
import type { Change, HostPlan } from "./plan.ts";
import { installRefusals } from "./steps/install.ts";
import { userRefusals } from "./steps/user.ts";
import type { HostWanted } from "./wanted.ts";

type Refusals = HostPlan["refusals"];

/** Space that a compile takes with its tree, in MiB: 7.0 with jemalloc and debug information needs 260. */
const BUILD_MIB = 400;
/** Space for the programs, an upload and the build before, in MiB. */
const INSTALL_MIB = 60;

/** What must be fixed by hand before anything is touched. */
export function refusalsOf(facts: HostFacts, wanted: HostWanted, changes: readonly Change[]): Refusals {
  const managed = wanted.placement.capabilities.managesHost;
  return [
    ...(managed
      ? [...rootRefusals(facts), ...systemdRefusals(facts, wanted), ...userRefusals(facts, wanted), ...memoryRefusals(facts, wanted)]
      : []),
    ...(managed ? [] : compilerRefusals(facts, changes)),
    ...otherLabRefusals(facts, wanted),
    ...(managed ? unitRefusals(facts, wanted) : []),
    ...portRefusals(facts, wanted),
    ...spaceRefusals(facts, wanted, changes),
    ...installRefusals(facts, wanted),
  ];
}

function rootRefusals(facts: HostFacts): Refusals {
  if (facts.uid === 0) return [];
  return [
    {
      code: "bootstrap.not-root",
      text: `${facts.host}: the host was looked at as ${facts.userName} (user id ${facts.uid}), not as root.`,
      next: "Log in as root, or give the login user sudo without a password.",
    },
  ];
}

/** Two labs may share a host, each in a folder of its own; in one folder, or with the same units, the second would take the first one's programs, files and data over. */
function otherLabRefusals(facts: HostFacts, { files, placement, host }: HostWanted): Refusals {
  const own = placement.lab.name;
  const here = files.flatMap(({ path, instance }) => (instance === undefined ? [] : (labOfFile(facts.files.get(path)) ?? [])));
  const others = new Set([...here, ...facts.labs].filter((lab) => lab !== own));
  return [...others].map((other) => ({
    code: "bootstrap.other-lab",
    text: `${facts.host}: the lab "${other}" is on this host, ${here.includes(other) ? "with the same files and ports" : `in the same folder ${host.paths.prefix}`}.`,
    next: `Remove it first: redis-lab down ${other} --purge --target ${placement.target}. Or give "${own}" other hosts, or other ports and another redis.prefix.`,
  }));
}

/** A unit of others under the name of ours, running or not: to write ours would take its place, and a purge would bring it back to fight for the port. */
function unitRefusals(facts: HostFacts, { host, placement }: HostWanted): Refusals {
  return host.instances.flatMap(({ id, unit: name }): Refusals[number][] => {
    const unit = facts.instances.get(id)?.unit;
    if (unit === undefined || unit.loadState === "not-found") return [];
    const wanted = `${name}.service`;
    const alias = unit.name === wanted ? wanted : `${wanted} is an alias of ${unit.name}, which`;
    const does =
      unit.main === undefined ? `is ${unit.activeState}` : `runs ${unit.main.exe || unit.main.command} (process ${unit.main.pid})`;
    if (unit.lab === undefined) {
      return [
        {
          code: "bootstrap.unit-taken",
          text: `${id}: ${alias} was not made by redis-lab${unit.file === "" ? "" : ` (${unit.file})`} and ${does}.`,
          next: `Stop it and free the name: systemctl disable --now ${unit.name}; then remove its package or its file, if systemctl cat ${wanted} still shows it. Its data and its configuration stay as they are. Or give the instance another port.`,
        },
      ];
    }
    // While it starts, a shell that waits for the address or the disk may be its process.
    if (unit.lab !== placement.lab.name || unit.main === undefined || unit.activeState !== "active") return [];
    if (isOurs(unit.main.exe, host.paths.prefix)) return [];
    return [
      {
        code: "bootstrap.unit-taken",
        text: `${id}: ${alias} ${does}, which is not a build of this lab: those are below ${host.paths.prefix}/builds.`,
        next: `If redis.prefix was changed, set it back, then: redis-lab down ${placement.lab.name} --target ${placement.target}. Otherwise look for what changes its start: systemctl cat ${wanted}`,
      },
    ];
  });
}

function systemdRefusals(facts: HostFacts, { placement }: HostWanted): Refusals {
  if (facts.systemd !== undefined || placement.capabilities.supervisor !== "systemd") return [];
  return [
    {
      code: "bootstrap.no-systemd",
      text: `${facts.host}: systemd does not run this host, so nothing would keep Redis running.`,
      next: "Use a host with systemd, or `--target local`.",
    },
  ];
}

/**
 * What a machine has, by what its kernel leaves (MemTotal). A CentOS 7 with 2048 MiB leaves some 1840: its kdump keeps 160 MiB where there are 2 GiB or more
 * (crashkernel=auto, which cloud images do not switch off). The memory that a lab declares is checked with the lab.
 */
const OF_MEMORY_LEFT = 9 / 8;

function memoryRefusals(facts: HostFacts, { host }: HostWanted): Refusals {
  const bytes = host.instances
    .filter(({ kind }) => kind === "redis")
    .reduce((sum, { settings }) => sum + maxmemoryBytes(settings["maxmemory"]), 0);
  const needed = Math.ceil(bytes / 1024 / 1024);
  if (needed <= facts.memoryMiB * OF_MEMORY_LEFT) return [];
  return [
    {
      code: "bootstrap.not-enough-memory",
      text: `${facts.host}: maxmemory of its instances adds up to ${needed} MiB, the host has ${facts.memoryMiB} MiB.`,
      next: "Lower maxmemory in redis.settings of the lab, or give the host more memory.",
    },
  ];
}

function compilerRefusals(facts: HostFacts, changes: readonly Change[]): Refusals {
  const missing = [
    ...(facts.commands.has("cc") || facts.commands.has("gcc") ? [] : ["a C compiler"]),
    ...(facts.commands.has("make") ? [] : ["make"]),
  ];
  if (missing.length === 0 || !changes.some(({ step }) => step === "build")) return [];
  return [
    {
      code: "bootstrap.no-compiler",
      text: `${facts.host}: ${missing.join(" and ")} is missing, so Redis cannot be compiled.`,
      next: compilerAdvice(facts),
    },
  ];
}

function portRefusals(facts: HostFacts, { placement, host }: HostWanted): Refusals {
  return host.instances
    .filter(({ id }) => facts.instances.get(id)?.process === undefined)
    .flatMap((instance) =>
      foreignListenersOf(facts, placement, instance).map((listener) => ({
        code: "bootstrap.port-taken",
        text: `${instance.id}: ${describeListener(listener)}`,
        next: placement.capabilities.managesHost
          ? `End that process and keep it from starting again (systemctl disable --now ${listener.unit ?? "UNIT"}), or give the instance another port.`
          : "End that process, or give the instance another port or the lab another network.loopback.",
      })),
    );
}

function spaceRefusals(facts: HostFacts, { host }: HostWanted, changes: readonly Change[]): Refusals {
  const needs = [
    { step: "build", folder: BUILD_ROOT, free: facts.freeMiB.build, needed: BUILD_MIB, doing: "to compile Redis" },
    { step: "install", folder: host.paths.prefix, free: facts.freeMiB.prefix, needed: INSTALL_MIB, doing: "to install Redis" },
  ] as const;
  return needs
    .filter(
      ({ step, free, needed }) =>
        free < needed && changes.some((change) => change.step === step && !change.subject.startsWith("/usr/bin/")),
    )
    .map(({ folder, free, needed, doing }) => ({
      code: "bootstrap.no-space",
      text: `${facts.host}: ${free} MiB are free for ${folder}, ${needed} MiB are needed ${doing}.`,
      next: "Free some space there and run the same command again.",
    }));
}
