import { OS_FAMILIES, OS_FAMILY_NAMES } from "../lab/os.ts";
import type { HostPaths, PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { programsOf } from "../redis/products.ts";
import { workingFolders } from "../render/folders.ts";
import { formerSysctlPaths, sysctlPath, thpUnitPath } from "../render/host-files.ts";
import { renderHost } from "../render/render.ts";
import type { RenderedFile } from "../render/rendered-file.ts";

/** Where redis-lab keeps what it must remember on a host; root's on a managed host. */
export function memoryFolder(paths: HostPaths): string {
  return `${paths.prefix}/.redis-lab`;
}

export function appliedFile(paths: HostPaths): string {
  return `${memoryFolder(paths)}/applied.json`;
}

/** Where the file that was at a path before the lab's is kept. */
export function originalOf(path: string): string {
  return `${path}.redis-lab-orig`;
}

/** One folder per build; `bin` is a link to the one in use, so that a switch is one rename and a running server keeps its file. */
export function buildsFolder(paths: HostPaths): string {
  return `${paths.prefix}/builds`;
}

export function buildFolder(paths: HostPaths, key: string): string {
  return `${buildsFolder(paths)}/${key.slice(0, 16)}`;
}

/** `PID START BOOT-ID` of the process that we started last as a daemon. */
export function startRecord(paths: HostPaths, instance: Pick<PlacedInstance, "port">): string {
  return `${memoryFolder(paths)}/started-${instance.port}`;
}

/** `PID START BOOT-ID REASON` of a process that must be restarted; moot as soon as another process runs. */
export function restartMark(paths: HostPaths, instance: Pick<PlacedInstance, "port">): string {
  return `${memoryFolder(paths)}/restart-${instance.port}`;
}

/** The links of a managed host in /usr/bin: link → target. */
export function commandLinks(paths: HostPaths, { version }: Pick<Placement, "version">): ReadonlyMap<string, string> {
  return new Map(programsOf(version.product).map((program) => [`/usr/bin/${program}`, `${paths.bin}/${program}`]));
}

/** The folders of a host with their mode, in the order in which they are made. etc is the lab user's: Redis 7 rewrites its file through a rename. */
export function hostFolders(
  host: PlacedHost,
): readonly { readonly path: string; readonly mode: number; readonly owner: RenderedFile["owner"] }[] {
  const { paths } = host;
  return [
    { path: paths.prefix, mode: 0o755, owner: "root" },
    { path: memoryFolder(paths), mode: 0o700, owner: "root" },
    { path: buildsFolder(paths), mode: 0o755, owner: "root" },
    { path: paths.etc, mode: 0o750, owner: "redis" },
    { path: paths.data, mode: 0o750, owner: "redis" },
    { path: paths.logs, mode: 0o750, owner: "redis" },
    { path: paths.run, mode: 0o755, owner: "redis" },
    ...workingFolders(host).map((path) => ({ path, mode: 0o750, owner: "redis" as const })),
  ];
}

/** `user:group` of a file or folder; undefined where everything is the caller's. */
export function ownerOf(placement: Placement, owner: RenderedFile["owner"]): string | undefined {
  if (!placement.capabilities.managesHost) return undefined;
  const user = owner === "root" ? "root" : placement.lab.os.user;
  return `${user}:${user}`;
}

/** Paths of all files that could be managed on a host, before its OS family is known: where it does not matter here which family it is. */
export function possibleFiles(placement: Placement, host: PlacedHost): readonly string[] {
  const nobody = { password: "x", generation: "x" };
  const former = placement.capabilities.managesHost
    ? Object.values(OS_FAMILIES).flatMap((os) => [
        ...formerSysctlPaths(os),
        sysctlPath(os, placement.lab.name),
        os.rcLocal,
        thpUnitPath(os, placement.lab.name),
      ])
    : [];
  return [
    ...new Set([
      ...OS_FAMILY_NAMES.flatMap((os) => applicableFiles(placement, renderHost(placement, host, nobody, os)).map(({ path }) => path)),
      ...former,
    ]),
  ];
}

/** The rendered files that exist on this target: root's files only where the host is managed. */
export function applicableFiles(placement: Placement, files: readonly RenderedFile[]): readonly RenderedFile[] {
  return placement.capabilities.managesHost ? files : files.filter(({ owner }) => owner === "redis");
}
