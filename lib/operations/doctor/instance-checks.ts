import { takesPassword } from "../../lab/placement.ts";
import { RESERVED_DESCRIPTORS } from "../../redis/constants.ts";
import { memoryBytes } from "../../redis/memory-units.ts";
import { everywhere, type InstanceReading, instanceCheck } from "./check.ts";
import { byManagement, upOf } from "./finding.ts";

// Effective values of a running instance against the wanted ones.

export const openFiles = instanceCheck({
  name: "open-files",
  about: "the instance serves `maxclients` clients: its limit of open files did not lower it",
  appliesTo: everywhere,
  *check({ placement, instance, config, wanted, openFiles: limit }) {
    const wantedClients = Number(argument(wanted, "maxclients") ?? 10_000);
    const clients = Number(config.maxclients ?? wantedClients);
    if (clients >= wantedClients) return;
    yield {
      severity: "warning",
      subject: instance.id,
      text: `serves ${clients} clients, not ${wantedClients}: its limit of open files is ${limit ?? clients + RESERVED_DESCRIPTORS}, and ${wantedClients + RESERVED_DESCRIPTORS} are needed`,
      next: placement.capabilities.managesHost
        ? "Raise the hard limit of the host (a container's limit counts too), then restart the instance."
        : "Raise this computer's hard limit (ulimit -Hn), or set maxclients lower in the lab.",
    };
  },
});

export const backlog = instanceCheck({
  name: "backlog",
  about: "the kernel's `net.core.somaxconn` allows the `tcp-backlog` of the instance",
  appliesTo: everywhere,
  *check({ placement, instance, config, wanted, somaxconn }) {
    const length = Number(config["tcp-backlog"] ?? argument(wanted, "tcp-backlog") ?? 511);
    if (somaxconn === undefined || length <= somaxconn) return;
    yield {
      subject: instance.id,
      text: `tcp-backlog is ${length}, the kernel allows ${somaxconn} (net.core.somaxconn): bursts of connections are refused`,
      ...byManagement(placement),
    };
  },
});

export const password = instanceCheck({
  name: "password",
  about: "`requirepass` and `masterauth` of the running server are the lab's password, and so is that of a sentinel from 6.2 on",
  appliesTo: everywhere,
  *check({ placement, instance, config, secrets }) {
    if (!takesPassword(placement, instance.kind)) return;
    for (const name of instance.kind === "sentinel" ? ["requirepass"] : ["requirepass", "masterauth"]) {
      if (config[name] === secrets.password) continue;
      yield {
        severity: "problem",
        subject: instance.id,
        text: `${name} is ${config[name] === "" ? "empty" : "another password"}, not the lab's (generation ${secrets.generation})`,
        next: upOf(placement),
      };
    }
  },
});

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

export const settings = instanceCheck({
  name: "settings",
  about: "every other setting of the running server is the one of the lab",
  appliesTo: everywhere,
  *check({ placement, instance, config, wanted }) {
    for (const [name, lines] of wanted) {
      const effective = config[name];
      if (effective === undefined || NOT_COMPARED.has(name)) continue;
      const expected = lines.map((words) => words.join(" ")).join(" ");
      if (normalise(effective) === normalise(expected)) continue;
      yield {
        severity: "problem",
        subject: instance.id,
        text: `${name} is "${effective}" in the running server, "${expected}" in the lab`,
        next: upOf(placement),
      };
    }
  },
});

/** First argument of the first line of a directive. */
function argument(wanted: InstanceReading["wanted"], name: string): string | undefined {
  return wanted.get(name)?.[0]?.[0];
}

/** Sizes such as `64mb` as bytes, everything in lower case: CONFIG GET answers in bytes. */
function normalise(value: string): string {
  return String((/[kmgb]$/i.test(value) ? memoryBytes(value) : undefined) ?? value.toLowerCase());
}
