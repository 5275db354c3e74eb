import { beforeStartOf } from "../lab/before-start.ts";
import { OS_FAMILIES, type OsFacts, type OsFamilyName } from "../lab/os.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import type { Lab } from "../lab/schema.ts";
import { domainOf } from "../lab/vms.ts";
import { RESERVED_DESCRIPTORS } from "../redis/constants.ts";
import { wrapBlock } from "./block.ts";
import { maxclientsOf } from "./redis-conf.ts";
import type { RenderedFile } from "./rendered-file.ts";
import { renderTemplate } from "./template.ts";

export const THP_FILE = "/sys/kernel/mm/transparent_hugepage/enabled";
/** On top of those that Redis keeps for itself, so that bus links, data files and modules never meet the limit. */
const SPARE_DESCRIPTORS = 1_024;
/** maxclients of a sentinel, which no lab changes (CONFIG_DEFAULT_MAX_CLIENTS). */
const SENTINEL_MAXCLIENTS = 10_000;

/** Files of the system itself; only where the host is managed. */
export function renderHostFiles(placement: Placement, host: PlacedHost, os: OsFamilyName): readonly RenderedFile[] {
  const facts = OS_FAMILIES[os];
  return [
    ...packageSources(placement, facts),
    ...sysctlFile(placement, facts),
    ...hugepagesAtBoot(placement, facts),
    hostsFile(placement),
    logRotation(placement, host, facts),
    ...host.instances.flatMap((instance) => [unitFile(placement, host, instance, facts), hardening(placement, instance, facts)]),
  ];
}

function rootFile(path: string, step: RenderedFile["step"], content: string): RenderedFile {
  return { path, content, mode: 0o644, owner: "root", kind: "whole", step };
}

/** For the systems of the family whose sources are archived: code that knows the host asks `osSystemOf` whether it runs one. */
function packageSources(placement: Placement, facts: OsFacts): readonly RenderedFile[] {
  const { lab } = placement;
  if (lab.os.yumMirrors.length === 0) return [];
  const mirrors = lab.os.yumMirrors.map((mirror) => mirror.replace(/\/+$/, ""));
  const repository = (id: string, folder: string, title: string, optional: boolean) => ({
    id,
    title,
    optional,
    urls: mirrors.map((mirror) => `${mirror}/${folder}/$basearch/`),
  });
  const repositories = [
    repository("base", "os", "Base", false),
    repository("updates", "updates", "Updates", true),
    repository("extras", "extras", "Extras", true),
  ];
  return facts.systems
    .flatMap(({ archived }) => archived ?? [])
    .flatMap(({ sourcesFile, mirrorPlugin }) => [
      rootFile(sourcesFile, "package-sources", renderTemplate("CentOS-Base.repo", { lab: lab.name, repositories })),
      rootFile(mirrorPlugin, "package-sources", renderTemplate("fastestmirror.conf", { lab: lab.name })),
    ]);
}

function sysctlFile(placement: Placement, facts: OsFacts): readonly RenderedFile[] {
  const settings = Object.entries(placement.lab.os.sysctl).map(([name, value]) => ({ name, value }));
  if (settings.length === 0) return [];
  const content = renderTemplate("sysctl.conf", { lab: placement.lab.name, settings });
  return [rootFile(sysctlPath(facts, placement.lab.name), "sysctl", content)];
}

/** Read after 99-sysctl.conf, which leads to /etc/sysctl.conf on Debian and CentOS 7 and would win at every boot; of each lab, as several may share a host. */
export function sysctlPath(facts: OsFacts, lab: string): string {
  return `${facts.sysctlFolder}/99-zz-redis-lab-${lab}.conf`;
}

/** Where the settings stood before. */
export function formerSysctlPaths(facts: OsFacts): readonly string[] {
  return [`${facts.sysctlFolder}/90-redis-lab.conf`];
}

function logRotation(placement: Placement, host: PlacedHost, facts: OsFacts): RenderedFile {
  const { name, os } = placement.lab;
  const logs = host.instances.map(({ logFile }) => logFile);
  const content = renderTemplate("logrotate.conf", { lab: name, user: os.user, logs });
  return rootFile(`${facts.logrotateFolder}/redis-lab-${name}`, "log-rotation", content);
}

/** Has every word of the drop-in: ProtectProc is of 247, the others are older (NEWS of systemd). Debian 11, Ubuntu 22.04 and EL 9 have it. */
const HARDENING_SINCE = 247;

function hardening(placement: Placement, instance: PlacedInstance, facts: OsFacts): RenderedFile {
  const content = renderTemplate("redis.service-hardening", {
    lab: placement.lab.name,
    instance: instance.id,
    unit: instance.unit,
    since: HARDENING_SINCE,
  });
  const path = `${facts.unitFolder}/${instance.unit}.service.d/10-redis-lab.conf`;
  return { ...rootFile(path, "units", content), instance: instance.id, sinceSystemd: HARDENING_SINCE };
}

/** Name of the unit that sets huge pages at boot; of each lab, as several may share a host and each brings and takes its own. */
export function thpUnit(lab: string): string {
  return `redis-lab-thp-${lab}.service`;
}

export function thpUnitPath(facts: OsFacts, lab: string): string {
  return `${facts.unitFolder}/${thpUnit(lab)}`;
}

function hasThpUnit({ os }: Lab): boolean {
  return os.transparentHugepages !== "leave" && os.transparentHugepagesBy === "unit";
}

function hugepagesAtBoot({ lab }: Placement, facts: OsFacts): readonly RenderedFile[] {
  const value = lab.os.transparentHugepages;
  if (value === "leave") return [];
  if (hasThpUnit(lab))
    return [
      rootFile(thpUnitPath(facts, lab.name), "thp", renderTemplate("redis-lab-thp.service", { lab: lab.name, file: THP_FILE, value })),
    ];
  // The content begins with a shebang, which `mergeBlock` takes for a script that has none: without it the kernel does not run rc.local.
  const content = `#!/bin/sh\n${wrapBlock(lab.name, renderTemplate("rc.local", { file: THP_FILE, value }))}`;
  return [{ path: facts.rcLocal, content, mode: 0o755, owner: "root", kind: "block", step: "thp" }];
}

function hostsFile(placement: Placement): RenderedFile {
  // A VM is called by its full name, as cloud-init gave it, and libvirt's DNS knows none of them. The full one first: that is what `hostname -f` answers.
  const domain = placement.capabilities.machines === "terraform" ? domainOf(placement.lab) : undefined;
  const hosts = placement.hosts.map(({ address, name }) => ({ address, names: domain === undefined ? name : `${name}.${domain} ${name}` }));
  const content = wrapBlock(placement.lab.name, renderTemplate("hosts", { hosts }));
  return { path: "/etc/hosts", content, mode: 0o644, owner: "root", kind: "block", step: "hosts-file" };
}

function unitFile(placement: Placement, host: PlacedHost, instance: PlacedInstance, facts: OsFacts): RenderedFile {
  const { product } = placement.version;
  const program = PROGRAMS[instance.kind];
  const maxclients = program.takesSettings ? maxclientsOf(instance) : SENTINEL_MAXCLIENTS;
  const below = (...folders: readonly string[]) => folders.some((folder) => `${host.paths.prefix}/`.startsWith(`${folder}/`));
  const content = renderTemplate("redis.service", {
    lab: placement.lab.name,
    instance: instance.id,
    unit: instance.unit,
    description: `${product.title}${program.titleSuffix}`,
    user: placement.lab.os.user,
    address: host.address,
    server: `${host.paths.bin}/${product.programs.server}`,
    configFile: instance.configFile,
    option: program.option ?? "",
    beforeStart: beforeStartOf(host, instance)?.script ?? "",
    thpUnit: hasThpUnit(placement.lab) ? thpUnit(placement.lab.name) : "",
    limitReason: `maxclients ${maxclients}, the ${RESERVED_DESCRIPTORS} that Redis keeps for itself, and ${SPARE_DESCRIPTORS} to spare.`,
    limitNofile: maxclients + RESERVED_DESCRIPTORS + SPARE_DESCRIPTORS,
    // A protection that would hide or freeze the prefix itself is left out.
    privateTmp: !below("/tmp", "/var/tmp"),
    protectHome: !below("/home", "/root", "/run/user"),
    protectSystem: !below("/usr", "/boot", "/etc"),
  });
  return { ...rootFile(`${facts.unitFolder}/${instance.unit}.service`, "units", content), instance: instance.id };
}
