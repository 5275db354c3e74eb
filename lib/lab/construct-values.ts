import * as v from "valibot";
import { bridge, dnsDomain, libvirtUri, mac, name, positive, sha256, subnet, word } from "./fields.ts";

/** Values that a construct may be given without a lab around it: they follow the rules of the lab's fields. */
const RULES = {
  absolutePath: v.pipe(v.string(), v.regex(/^\/[^\0\r\n]*$/, "must be an absolute path")),
  alias: v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, "must be a name of letters, digits, dash and underscore")),
  bridge,
  cidr: v.pipe(subnet, v.check(isOfLibvirt, "must be an IPv4 network of /29 or larger, such as 192.168.1.0/24")),
  dnsDomain,
  libvirtUri,
  line: v.pipe(v.string(), v.regex(/^[^\0\r\n]+$/, "must be one line")),
  mac,
  name,
  positive: v.pipe(
    v.number("must be a whole, positive number"),
    v.check((value) => v.is(positive, value), "must be a whole, positive number"),
  ),
  sha256,
  text: v.string("must be a text"),
  word,
};

export type ValueRule = keyof typeof RULES;

/** What a value breaks of a rule, as "must be …"; undefined for a good one. */
export function faultOfValue(rule: ValueRule, value: unknown): string | undefined {
  return v.safeParse(RULES[rule] as v.GenericSchema, value).issues?.[0]?.message;
}

/** The provider wants eight addresses at least. */
function isOfLibvirt(cidr: string): boolean {
  const [address = "", length = ""] = cidr.split("/");
  return address.split(".").every((part) => Number(part) <= 255) && Number(length) >= 1 && Number(length) <= 29;
}
