/** An IPv4 network. */
export interface Ipv4Network {
  /** The network in its usual form: address of the network, slash, length of the prefix. */
  readonly cidr: string;
  readonly prefixLength: number;
  /** The first address that a host can have, which libvirt takes for the hypervisor. */
  readonly firstAddress: string;
}

/** @param cidr `ADDRESS/LENGTH`; the address may be any of the network */
export function ipv4Network(cidr: string): Ipv4Network {
  const { start, prefixLength } = parse(cidr);
  return { cidr: `${toText(start)}/${prefixLength}`, prefixLength, firstAddress: toText(start + 1) };
}

/** True for an address of the network that is neither its own nor its broadcast address. */
export function isInside(address: string, cidr: string): boolean {
  const { start, size } = parse(cidr);
  const offset = toNumber(address) - start;
  return offset > 0 && offset < size - 1;
}

/** The addresses that hosts of a network can have, from its first or from its last one on. */
export function* addressesOf(cidr: string, from: "first" | "last"): Generator<string> {
  const { start, size } = parse(cidr);
  for (let offset = 1; offset < size - 1; offset += 1) yield toText(start + (from === "first" ? offset : size - 1 - offset));
}

/** Whether two networks have an address in common. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [parse(one), parse(other)];
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

function parse(cidr: string): { readonly start: number; readonly size: number; readonly prefixLength: number } {
  const [network = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  return { start: Math.floor(toNumber(network) / size) * size, size, prefixLength: Number(bits) };
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
