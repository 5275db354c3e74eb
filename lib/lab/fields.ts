import * as v from "valibot";

// What the fields of a lab are made of: each a schema of one value, with the text of its fault.

/** A name that is safe as a host name, a folder and a shell word; what RFC 1123 allows, in lower case. */
export const name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/, "must be 2 to 63 lower-case letters, digits and dashes, starting with a letter"),
);
/** An absolute path without anything that a shell, a template or a unit file would read as more than a path. */
export const path = v.pipe(
  v.string(),
  v.regex(/^(\/[A-Za-z0-9._-]+)+$/, "must be an absolute path of letters, digits, dot, dash and underscore"),
);
export const localPath = v.pipe(v.string(), v.regex(/^[^\0\r\n]+$/, "must be a path without line breaks"));
export const address = v.pipe(v.string(), v.ipv4("must be an IPv4 address: Redis 4.0 takes no host names"));
export const subnet = v.pipe(v.string(), v.regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, "must be an IPv4 network such as 192.168.1.0/24"));
export const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
/** The cluster bus listens on port + 10000, so a Redis port can be at most 55535. */
export const redisPort = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(55535, "must be at most 55535: the cluster bus listens on port + 10000"),
);
export const positive = v.pipe(v.number(), v.integer(), v.minValue(1));
export const word = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, "must be one word of letters, digits, dot, dash and underscore"),
);
export const reference = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*(:\d{1,5})?$/, "must be HOST or HOST:PORT"));
export const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256: 64 hexadecimal digits in lower case"));
/** A MAC address of one device, not of a group. */
export const mac = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, "must be the MAC address of a device in lower case, such as 52:54:00:12:34:56"),
);
export const libvirtUri = v.pipe(
  v.string(),
  v.regex(/^qemu(\+(ssh|tcp|tls|unix))?:\/\/[A-Za-z0-9@:._~/?&=%-]*$/, "must be a libvirt URI of a qemu driver"),
);
export const bridge = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, "must be the name of a network interface"));
export const dnsDomain = v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a domain name in lower case"));
export const url = v.pipe(v.string(), v.regex(/^https?:\/\/[^\s'"`$\\{}]+$/, "must be an http or https URL"));
/** One value of a directive. Line breaks would smuggle in further directives, `{{` is template syntax. */
const settingText = v.pipe(
  v.string(),
  v.regex(/^[^\0\r\n]*$/, "must not contain a line break"),
  v.check((text) => !text.includes("{{"), "must not contain template syntax"),
);
const settingValue = v.union([settingText, v.pipe(v.number(), v.finite()), v.boolean()]);
export const settings = v.record(v.string(), v.union([settingValue, v.array(settingValue)]));

/** A field with its description, which the configuration reference prints. */
export function described<const S extends v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>>(schema: S, description: string) {
  return v.pipe(schema, v.description(description));
}
