import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { wrapBlock } from "./block.ts";
import { OS_FAMILIES, type OsFacts, type OsFamily } from "./os.ts";
import { maxclientsOf } from "./redis-conf.ts";
import type { RenderedFile } from "./rendered-file.ts";
import { renderTemplate } from "./template.ts";

export const THP_FILE = "/sys/kernel/mm/transparent_hugepage/enabled";
/** Descriptors that Redis keeps for itself besides maxclients (CONFIG_MIN_RESERVED_FDS in server.h of 4.0.14). */
const RESERVED_DESCRIPTORS = 32;
/** On top of that, so that bus links, data files and modules never meet the limit. */
const SPARE_DESCRIPTORS = 1_024;
/** maxclients of a sentinel, which no lab changes (CONFIG_DEFAULT_MAX_CLIENTS). */
const SENTINEL_MAXCLIENTS = 10_000;

/** Files of the system itself; only where the host is managed. */
export function renderHostFiles(placement: Placement, host: PlacedHost, os: OsFamily): readonly RenderedFile[] {
  const facts = OS_FAMILIES[os];
  return [
    ...packageSources(placement, facts),
    ...sysctlFile(placement, facts),
    ...rcLocal(placement, facts),
    hostsFile(placement),
    ...host.instances.map((instance) => unitFile(placement, host, instance, facts)),
  ];
}

function rootFile(path: string, step: RenderedFile["step"], content: string): RenderedFile {
  return { path, content, mode: 0o644, owner: "root", kind: "whole", step };
}

/** For the systems of the family whose sources are archived: whoever knows the host asks `osSystemOf` whether it runs one. */
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
  return [rootFile(`${facts.sysctlFolder}/90-redis-lab.conf`, "sysctl", content)];
}

/** The content begins with a shebang, which `mergeBlock` takes for a script that has none: without it the kernel does not run rc.local. */
function rcLocal(placement: Placement, facts: OsFacts): readonly RenderedFile[] {
  const value = placement.lab.os.transparentHugepages;
  if (value === "leave") return [];
  const body = renderTemplate("rc.local", { file: THP_FILE, value });
  return [
    {
      path: facts.rcLocal,
      content: `#!/bin/sh\n${wrapBlock(placement.lab.name, body)}`,
      mode: 0o755,
      owner: "root",
      kind: "block",
      step: "thp",
    },
  ];
}

function hostsFile(placement: Placement): RenderedFile {
  const hosts = placement.hosts.map(({ address, name }) => ({ address, name }));
  const content = wrapBlock(placement.lab.name, renderTemplate("hosts", { hosts }));
  return { path: "/etc/hosts", content, mode: 0o644, owner: "root", kind: "block", step: "hosts-file" };
}

function unitFile(placement: Placement, host: PlacedHost, instance: PlacedInstance, facts: OsFacts): RenderedFile {
  const sentinel = instance.kind === "sentinel";
  const maxclients = sentinel ? SENTINEL_MAXCLIENTS : maxclientsOf(instance);
  const below = (...folders: readonly string[]) => folders.some((folder) => `${host.paths.prefix}/`.startsWith(`${folder}/`));
  const content = renderTemplate("redis.service", {
    lab: placement.lab.name,
    instance: instance.id,
    unit: instance.unit,
    description: sentinel ? "Redis Sentinel" : "Redis",
    user: placement.lab.os.user,
    address: host.address,
    server: `${host.paths.bin}/redis-server`,
    configFile: instance.configFile,
    sentinel,
    limitReason: `maxclients ${maxclients}, the ${RESERVED_DESCRIPTORS} that Redis keeps for itself, and ${SPARE_DESCRIPTORS} to spare.`,
    limitNofile: maxclients + RESERVED_DESCRIPTORS + SPARE_DESCRIPTORS,
    runtimeDirectory: sentinel ? `redis-sentinel-${instance.port}` : `redis-${instance.port}`,
    // A protection that would hide or freeze the prefix itself is left out.
    privateTmp: !below("/tmp", "/var/tmp"),
    protectHome: !below("/home", "/root", "/run/user"),
    protectSystem: !below("/usr", "/boot", "/etc"),
  });
  return { ...rootFile(`${facts.unitFolder}/${instance.unit}.service`, "units", content), instance: instance.id };
}
