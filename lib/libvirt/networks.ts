import { ipv4Network } from "../lab/ipv4.ts";
import type { KnownNetwork } from "./terraform-state.ts";
import { isPlainName, virsh, virshBatch, virshOutput } from "./virsh.ts";
import { readXml, type XmlElement, xmlAll, xmlAttribute, xmlEscape, xmlText } from "./xml.ts";

/** A network of libvirt as defined. */
export interface NetworkDefinition {
  readonly name: string;
  /** UUID */
  readonly id: string;
  /** Interface of the hypervisor; undefined until libvirt has chosen one. */
  readonly bridge: string | undefined;
  /** `nat`, `route`, `bridge`, …; `isolated` where it forwards nothing. */
  readonly mode: string;
  /** IPv4 ranges in CIDR notation, the address being that of the network. */
  readonly ranges: readonly string[];
}

export function readNetwork(xml: XmlElement): NetworkDefinition {
  return {
    name: xmlText(xml, "name") ?? "",
    id: xmlText(xml, "uuid") ?? "",
    bridge: xmlAttribute(xml, "bridge", "name"),
    mode: xmlAttribute(xml, "forward", "mode") ?? (xmlAll(xml, "forward").length > 0 ? "nat" : "isolated"),
    ranges: xmlAll(xml, "ip").flatMap(({ attributes }) => {
      if ((attributes["family"] ?? "ipv4") !== "ipv4" || attributes["address"] === undefined) return [];
      const length = attributes["prefix"] === undefined ? prefixOf(attributes["netmask"]) : Number(attributes["prefix"]);
      return length === undefined ? [] : [ipv4Network(`${attributes["address"]}/${length}`).cidr];
    }),
  };
}

/** Names of all networks of a hypervisor. */
export async function networkNames(uri: string, signal?: AbortSignal): Promise<readonly string[]> {
  const text = await virshOutput(uri, ["net-list", "--all", "--name"], { signal });
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** Definitions of networks by name, over one connection; what does not exist is left out. */
export async function networkDefinitions(
  uri: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly NetworkDefinition[]> {
  const commands = names.filter(isPlainName).map((name) => ["net-dumpxml", name]);
  const { stdout } = await virshBatch(uri, commands, { signal });
  const odd = await Promise.all(
    names.filter((name) => !isPlainName(name)).map((name) => virsh(uri, ["net-dumpxml", "--network", name], { signal })),
  );
  const documents = [stdout, ...odd.map((result) => result.stdout)].join("\n").split(/(?<=<\/network>)/);
  const whole = documents.filter((part) => part.includes("</network>"));
  return Promise.all(whole.map(async (document) => readNetwork(await readXml(document))));
}

/**
 * A network as the provider makes it for a lab: the hypervisor has the first address of each range, and there is no DHCP (libvirt/network_def.go of 0.8.3).
 */
export function networkXml(network: Pick<KnownNetwork, "id" | "name" | "mode" | "bridge" | "ranges" | "domain">): string {
  const { id, name, mode, bridge, ranges, domain } = network;
  return [
    "<network>",
    `<name>${xmlEscape(name)}</name>`,
    `<uuid>${xmlEscape(id)}</uuid>`,
    ...(mode === "none" ? [] : [`<forward mode='${xmlEscape(mode)}'/>`]),
    `<bridge${bridge === undefined ? "" : ` name='${xmlEscape(bridge)}'`} stp='on' delay='0'/>`,
    ...(domain === undefined ? [] : [`<domain name='${xmlEscape(domain)}'/>`]),
    ...ranges.map((range) => {
      const { firstAddress, prefixLength } = ipv4Network(range);
      return `<ip family='ipv4' address='${firstAddress}' prefix='${prefixLength}'/>`;
    }),
    "</network>",
  ].join("\n");
}

/** 255.255.255.0 → 24. libvirt's default is the class of the address, which nobody writes any more. */
function prefixOf(netmask: string | undefined): number | undefined {
  if (netmask === undefined) return undefined;
  const bits = netmask
    .split(".")
    .map((part) => Number(part).toString(2))
    .join("");
  return [...bits].filter((bit) => bit === "1").length;
}
