import type { VirshOptions } from "./virsh.ts";
import { virsh, virshOutput } from "./virsh.ts";
import { readXml, type XmlElement, xmlAttribute, xmlBytes, xmlText } from "./xml.ts";

/** A storage pool as it is. */
export interface PoolView {
  readonly active: boolean;
  /** `dir`, `logical`, … */
  readonly type: string;
  /** Folder of a pool of that type. */
  readonly path: string | undefined;
  /** In bytes; undefined where the pool does not say. */
  readonly availableBytes: number | undefined;
}

/**
 * A pool; undefined where there is none of that name.
 *
 * @param options.refresh measure its room again: files come and go without libvirt. @default false
 */
export async function readPool(
  uri: string,
  pool: string,
  { refresh = false, ...options }: VirshOptions & { readonly refresh?: boolean } = {},
): Promise<PoolView | undefined> {
  // It fails for a pool that is not active, and for one that is not there.
  if (refresh) await virsh(uri, ["pool-refresh", pool], options);
  const described = await virsh(uri, ["pool-dumpxml", pool], options);
  if (!described.ok) return undefined;
  const xml = await readXml(described.stdout);
  const info = await virsh(uri, ["pool-info", pool], options);
  return {
    // An active pool alone knows its capacity.
    active: /^State:\s+running$/m.test(info.stdout),
    type: xml.attributes["type"] ?? "",
    path: xmlText(xml, "target/path"),
    availableBytes: xmlBytes(xml, "available", "bytes"),
  };
}

/** Names and paths of the volumes of a pool, which is refreshed before: files come and go without libvirt. */
export async function readVolumes(uri: string, pool: string, options: VirshOptions = {}): Promise<ReadonlyMap<string, string>> {
  await virsh(uri, ["pool-refresh", pool], options);
  return parseVolumes(await virshOutput(uri, ["vol-list", pool], options));
}

/** Lines `NAME  PATH` of `virsh -q vol-list`; the columns are two blanks apart, and a name may hold one. */
export function parseVolumes(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, name, path] = /^\s*(\S.*?)\s{2,}(\S.*?)\s*$/.exec(line) ?? [];
      return name === undefined || path === undefined ? [] : [[name, path] as const];
    }),
  );
}

/** A volume as its own XML describes it. */
export interface VolumeView {
  readonly name: string;
  readonly path: string;
  readonly capacityBytes: number;
  readonly format: string | undefined;
  /** The image below it. */
  readonly backing: { readonly path: string; readonly format: string | undefined } | undefined;
}

/** A volume; undefined where the pool has none of that name. */
export async function readVolume(uri: string, pool: string, volume: string, options: VirshOptions = {}): Promise<VolumeView | undefined> {
  const result = await virsh(uri, ["vol-dumpxml", "--pool", pool, volume], options);
  return result.ok ? volumeIn(await readXml(result.stdout)) : undefined;
}

export function volumeIn(xml: XmlElement): VolumeView {
  const path = xmlText(xml, "backingStore/path");
  return {
    name: xmlText(xml, "name") ?? "",
    path: xmlText(xml, "target/path") ?? "",
    capacityBytes: xmlBytes(xml, "capacity", "bytes") ?? 0,
    format: xmlAttribute(xml, "target/format", "type"),
    backing: path === undefined ? undefined : { path, format: xmlAttribute(xml, "backingStore/format", "type") },
  };
}
