import type { PlacedInstance, Placement } from "../../lab/placement.ts";
import type { Secrets } from "../../lab/secrets.ts";
import { type DoctorFinding, finding } from "./finding.ts";

/** What a running instance says of itself. */
export interface InstanceReading {
  /** CONFIG GET *; empty for a sentinel, which has none. */
  readonly config: Readonly<Record<string, string>>;
  /** Soft limit of open files of the process; undefined where it could not be read. */
  readonly openFiles: number | undefined;
}

/** Descriptors that Redis keeps for itself beside its clients (CONFIG_MIN_RESERVED_FDS in server.h). */
const RESERVED_FILES = 32;

/**
 * Effective values of one instance against the wanted ones. Pure.
 *
 * @param wanted directives of the rendered file: name → arguments of each line
 * @param somaxconn effective limit of the host's accept queue
 */
export function checkInstance(
  placement: Placement,
  instance: PlacedInstance,
  reading: InstanceReading,
  wanted: ReadonlyMap<string, readonly (readonly string[])[]>,
  secrets: Secrets,
  somaxconn: number | undefined,
): readonly DoctorFinding[] {
  const { config } = reading;
  const up = `Run: redis-lab up ${placement.lab.name}`;
  const wantedClients = Number(wanted.get("maxclients")?.[0]?.[0] ?? 10_000);
  const clients = Number(config.maxclients ?? wantedClients);
  const backlog = Number(config["tcp-backlog"] ?? wanted.get("tcp-backlog")?.[0]?.[0] ?? 511);
  return [
    ...(clients < wantedClients
      ? [
          finding(
            "open-files",
            "warning",
            instance.id,
            `serves ${clients} clients, not ${wantedClients}: its limit of open files is ${reading.openFiles ?? clients + RESERVED_FILES}, and ${wantedClients + RESERVED_FILES} are needed`,
            placement.capabilities.managesHost
              ? "Raise the hard limit of the host (a container's limit counts too), then restart the instance."
              : "Raise this computer's hard limit (ulimit -Hn), or set maxclients lower in the lab.",
          ),
        ]
      : []),
    ...(somaxconn !== undefined && backlog > somaxconn
      ? [
          finding(
            "backlog",
            placement.capabilities.managesHost ? "warning" : "note",
            instance.id,
            `tcp-backlog is ${backlog}, the kernel allows ${somaxconn} (net.core.somaxconn): bursts of connections are refused`,
            placement.capabilities.managesHost ? up : undefined,
          ),
        ]
      : []),
    ...checkPasswords(instance, config, secrets, up),
    ...checkSettings(instance, config, wanted, up),
  ];
}

function checkPasswords(instance: PlacedInstance, config: Readonly<Record<string, string>>, secrets: Secrets, up: string): DoctorFinding[] {
  if (instance.kind === "sentinel") return [];
  return ["requirepass", "masterauth"].flatMap((name) =>
    config[name] === secrets.password
      ? []
      : [
          finding(
            "password",
            "problem",
            instance.id,
            `${name} is ${config[name] === "" ? "empty" : "another password"}, not the lab's (generation ${secrets.generation})`,
            up,
          ),
        ],
  );
}

/** Directives that are checked elsewhere, or whose effective value is spelled otherwise than the line in the file. */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  "requirepass",
  "masterauth",
  "maxclients",
  "tcp-backlog",
  "slaveof",
  "replicaof",
  "supervised",
  "daemonize",
  "bind",
  "cluster-config-file",
  "client-output-buffer-limit",
]);

function checkSettings(
  instance: PlacedInstance,
  config: Readonly<Record<string, string>>,
  wanted: ReadonlyMap<string, readonly (readonly string[])[]>,
  up: string,
): DoctorFinding[] {
  return [...wanted].flatMap(([name, lines]) => {
    const effective = config[name];
    if (effective === undefined || NOT_COMPARED.has(name)) return [];
    const expected = lines.map((words) => words.join(" ")).join(" ");
    return normalise(effective) === normalise(expected)
      ? []
      : [finding("settings", "problem", instance.id, `${name} is "${effective}" in the running server, "${expected}" in the lab`, up)];
  });
}

/** Sizes such as `64mb` as bytes, everything in lower case: CONFIG GET answers in bytes. */
function normalise(value: string): string {
  const size = /^(\d+)(k|m|g)(b?)$/i.exec(value);
  if (size === null) return value.toLowerCase();
  const base = size[3] === "" ? 1000 : 1024;
  return String(Number(size[1]) * base ** (["k", "m", "g"].indexOf(size[2]?.toLowerCase() ?? "k") + 1));
}
