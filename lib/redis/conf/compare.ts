import { MEMORY_UNITS } from "../memory-units.ts";

// When two ways of writing a directive mean the same to Redis, so that CONFIG REWRITE's own spelling is not a change.

/** Values that must never be shown, and whose digits are not a number. */
const SECRET = /^(requirepass|masterauth|user|tls-key-file-pass|tls-client-key-file-pass|sentinel (auth-pass|sentinel-pass)( .*)?)$/;

/** Directives of which several arguments may also stand in one quoted argument (MULTI_ARG_CONFIG of 7.0). */
const SEVERAL = new Set([
  "bind",
  "save",
  "client-output-buffer-limit",
  "oom-score-adj-values",
  "shutdown-on-sigint",
  "shutdown-on-sigterm",
  "latency-tracking-info-percentiles",
]);

/** Values that Redis takes in any case and writes in lower case (configEnum, yes/no). */
const WORDS = new Set([
  "appendfsync",
  "loglevel",
  "maxmemory-policy",
  "supervised",
  "syslog-facility",
  "repl-diskless-load",
  "oom-score-adj",
]);

/** Defaults of client-output-buffer-limit (clientBufferLimitsDefaults in config.c): CONFIG REWRITE leaves them out. */
const BUFFER_LIMITS: Readonly<Record<string, readonly string[]>> = {
  normal: ["0", "0", "0"],
  replica: ["256mb", "64mb", "60"],
  pubsub: ["32mb", "8mb", "60"],
};

/** Whether the values of a directive are secret; `name` as in `DirectiveChange`. */
export function isSecretDirective(name: string): boolean {
  return SECRET.test(name.toLowerCase());
}

/** The arguments of one line in one spelling. `name` is canonical. */
export function normalArguments(name: string, args: readonly string[]): readonly string[] {
  if (isSecretDirective(name)) return args;
  const single = args[0];
  const parts = SEVERAL.has(name) && args.length === 1 && single !== undefined && single !== "" ? single.trim().split(/\s+/) : args;
  return parts.map((arg) => normalArgument(name, arg));
}

function normalArgument(name: string, arg: string): string {
  if (name === "unixsocketperm") return arg.replace(/^0+(?=.)/, "");
  if (name === "dir") return arg.replace(/(?<=.)\/+$/, "");
  if (name === "notify-keyspace-events") return [...arg].sort().join("");
  if (/^(yes|no)$/i.test(arg) || WORDS.has(name)) return arg.toLowerCase();
  if (name === "client-output-buffer-limit" && /^[a-z]+$/i.test(arg)) return bufferClass(arg);
  if (/^-?\d+\.\d+$/.test(arg)) return String(Number(arg));
  const number = /^(-?\d+)([kmg]?b?)$/i.exec(arg);
  const unit = MEMORY_UNITS[number?.[2]?.toLowerCase() ?? ""];
  return number?.[1] === undefined || unit === undefined ? arg : String(BigInt(number[1]) * BigInt(unit));
}

/** `slave` is the old name of the class `replica`. */
export function bufferClass(word: string): string {
  const lower = word.toLowerCase();
  return lower === "slave" ? "replica" : lower;
}

/** What several lines of a directive come to, as one comparable text. The last line wins, but for `save`, which collects until `save ""` clears. */
export function normalValue(name: string, lines: readonly (readonly string[])[]): string {
  const normal = lines.map((args) => normalArguments(name, args));
  if (name !== "save") return JSON.stringify(normal.at(-1) ?? []);
  const points = new Map<string, string>();
  for (const args of normal) {
    if (args.length === 1 && args[0] === "") points.clear();
    for (let index = 0; index + 1 < args.length; index += 2) points.set(`${args[index]} ${args[index + 1]}`, "");
  }
  return JSON.stringify([...points.keys()].sort());
}

/** What the absence of a directive of redis.conf means, where that is known and Redis makes use of it by leaving the line out; comparable with `normalValue`. */
export function absentValue(name: string, key: string, withoutSave: "nothing" | "defaults"): string | undefined {
  if (name === "save") return withoutSave === "nothing" ? normalValue(name, [[""]]) : undefined;
  if (name === "client-output-buffer-limit") {
    const limit = key.slice(name.length + 1);
    const values = BUFFER_LIMITS[limit];
    return values && normalValue(name, [[limit, ...values]]);
  }
  return /^(requirepass|masterauth|unixsocket|notify-keyspace-events)$/.test(name) ? normalValue(name, [[""]]) : undefined;
}
