import { statSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { findProgram } from "../base/find-program.ts";
import { runProgram } from "../base/process.ts";
import { ipv4Network } from "../lab/ipv4.ts";
import { notPlugged } from "./errors.ts";

/** An IPv4 network that this computer is in or has a route to. */
export interface ReachedNetwork {
  readonly interface: string;
  /** In CIDR notation, the address being that of the network. */
  readonly range: string;
  /** Address of this computer in it; undefined for a route alone. */
  readonly address?: string;
}

/**
 * Networks of the interfaces, and routes to others; the default route is none of them. Asked of `ip`, since sysfs shows the interfaces of another network namespace than ours where
 * nobody has mounted it again, and node leaves out those without a carrier. Empty where there is no `ip`.
 */
export async function reachedNetworks(signal?: AbortSignal): Promise<readonly ReachedNetwork[]> {
  const [addresses, routes] = await Promise.all([askIp(["-4", "addr"], signal), askIp(["-4", "route"], signal)]);
  return networksIn(addresses, routes);
}

/** Reads the JSON of `ip -4 addr` and `ip -4 route`. */
export function networksIn(addresses: readonly IpObject[], routes: readonly IpObject[]): readonly ReachedNetwork[] {
  const own = addresses.flatMap(({ ifname, addr_info = [] }) =>
    addr_info.map(({ local, prefixlen }) => ({
      interface: ifname ?? "",
      range: ipv4Network(`${local}/${prefixlen}`).cidr,
      address: local,
    })),
  );
  const further = routes.flatMap(({ dst = "default", dev }) => {
    if (dst === "default" || dev === undefined) return [];
    const { cidr } = ipv4Network(dst.includes("/") ? dst : `${dst}/32`);
    return own.some((each) => each.interface === dev && each.range === cidr) ? [] : [{ interface: dev, range: cidr }];
  });
  return [...own, ...further];
}

/** What an interface of this computer is: a bridge of Linux or Open vSwitch, something else, or not there. Undefined where there is no `ip` to ask. */
export async function bridgeKind(name: string, signal?: AbortSignal): Promise<"bridge" | "other" | "absent" | undefined> {
  const links = await askIp(["-d", "link"], signal);
  if (links.length === 0) return undefined;
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined) return "absent";
  return ["bridge", "openvswitch"].includes(link.linkinfo?.info_kind ?? "") ? "bridge" : "other";
}

/** Where an interface of this computer is. */
export interface Plugged {
  /** It is a bridge of Linux itself; one of Open vSwitch has its interfaces where `ip` does not show them. */
  readonly isBridge: boolean;
  /** The interface that it is in. */
  readonly master: string | undefined;
}

/** All interfaces of this computer by name; undefined where there is no `ip` to ask. */
export async function pluggedInterfaces(signal?: AbortSignal): Promise<ReadonlyMap<string, Plugged> | undefined> {
  const links = await askIp(["-d", "link"], signal);
  return links.length === 0 ? undefined : pluggedIn(links);
}

/** Reads the JSON of `ip -d link`. */
export function pluggedIn(links: readonly IpObject[]): ReadonlyMap<string, Plugged> {
  return new Map(links.map(({ ifname = "", master, linkinfo }) => [ifname, { isBridge: linkinfo?.info_kind === "bridge", master }]));
}

/**
 * Puts an interface into a bridge, which takes root.
 *
 * @throws LabError `libvirt.not-plugged`
 */
export async function plugInto(name: string, bridge: string, signal?: AbortSignal): Promise<void> {
  const run = await runProgram("ip", ["link", "set", name, "master", bridge], {
    environment: environmentOfIp(),
    timeoutMs: 10_000,
    signal,
  });
  if (run.exitCode !== 0) throw notPlugged(name, bridge, run.failure?.text ?? run.stderr.trim());
}

/** What is read of the objects of `ip -j`. */
export interface IpObject {
  readonly ifname?: string;
  readonly master?: string;
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number }[];
  readonly linkinfo?: { readonly info_kind?: string };
  readonly dst?: string;
  readonly dev?: string;
}

/** sbin is missing on the PATH of ordinary users of some distributions. */
function environmentOfIp(): NodeJS.ProcessEnv {
  return { PATH: [process.env["PATH"], "/usr/sbin", "/sbin"].filter(Boolean).join(delimiter), LC_ALL: "C" };
}

async function askIp(args: readonly string[], signal: AbortSignal | undefined): Promise<readonly IpObject[]> {
  const run = await runProgram("ip", ["-j", ...args], { environment: environmentOfIp(), timeoutMs: 10_000, signal });
  if (run.exitCode !== 0) return [];
  try {
    const found: unknown = JSON.parse(run.stdout || "[]");
    // Old versions print an empty object for what they filtered out.
    return Array.isArray(found) ? (found as readonly IpObject[]) : [];
  } catch {
    return [];
  }
}

export function isOnPath(program: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  return findProgram(program, environment).kind === "found";
}

/**
 * The first folder on the way to a path through which a user can't get by its mode; undefined where there is none, or where it is not known.
 * An access control list may let the user through all the same.
 */
export function barredFolder(path: string, user: { readonly uid: number; readonly gid: number }): string | undefined {
  const folders = [path];
  while (dirname(folders[0] ?? "/") !== folders[0]) folders.unshift(dirname(folders[0] ?? "/"));
  if (user.uid === 0) return undefined;
  return folders.find((folder) => {
    try {
      const { mode, uid, gid } = statSync(folder);
      const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      return (mode & bit) === 0;
    } catch {
      return false;
    }
  });
}
