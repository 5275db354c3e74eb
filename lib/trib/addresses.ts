import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { messageOf } from "../base/error.ts";
import { unresolvable } from "./errors.ts";

/** An address as it was typed. */
export interface TypedAddress {
  /** `host:port`, as redis-trib shows it: without the bus port. */
  readonly shown: string;
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
}

/** `ip:port`, `name:port`, `::1:7000`, `[::1]:7000`, each with `@busport` or without. Undefined where it is none of them. Pure. */
export function parseAddress(text: string): TypedAddress | undefined {
  const [before = ""] = text.split("@");
  const colon = before.lastIndexOf(":");
  const host = before.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = before.slice(colon + 1);
  if (colon < 1 || host === "" || !/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { shown: before, host, port: Number(port) };
}

/** The IP address of a host: nodes tell each other addresses, never names (CLUSTER MEET). @throws LabError `trib.unresolvable` */
export async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    // Where a name has both, nodes listen on the older kind more often.
    const [first] = (await lookup(host, { all: true })).sort((a, b) => a.family - b.family);
    if (first === undefined) throw new Error("it has none");
    return first.address;
  } catch (error) {
    throw unresolvable(host, messageOf(error));
  }
}
