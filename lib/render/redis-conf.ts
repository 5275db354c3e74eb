import { DEFAULT_MAXMEMORY } from "../lab/check.ts";
import { layoutRow } from "../lab/layouts.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { wordsOf } from "../redis/words.ts";
import { type Directive, declaredDirective, directive, repeatedDirective } from "./directive.ts";
import { workingFolder } from "./folders.ts";
import { settingsFor } from "./settings.ts";
import { renderTemplate } from "./template.ts";

export const DEFAULT_MAXCLIENTS = 65_535;

/** Lines by group; the template says why. */
interface RedisConfView {
  readonly lab: string;
  readonly instance: string;
  readonly systemd: boolean;
  readonly network: readonly string[];
  readonly process: readonly string[];
  readonly files: readonly string[];
  readonly persistence: readonly string[];
  readonly limits: readonly string[];
  readonly security: readonly string[];
  readonly cluster: readonly string[];
  /** At most one: the master of a replica outside of a cluster. */
  readonly replicaOf: readonly { readonly address: string; readonly port: number }[];
  readonly settings: readonly string[];
}

/** The redis.conf of one redis-server. */
export function renderRedisConf(placement: Placement, host: PlacedHost, instance: PlacedInstance, secrets: Secrets): string {
  const defaults = defaultDirectives(placement, host, instance, secrets);
  const { known } = settingsFor(placement.version, instance.settings);
  const defaultNames = new Set(
    Object.values(defaults)
      .flat()
      .map(({ name }) => name),
  );
  const lines = (group: readonly Directive[]) =>
    group.flatMap((own) => {
      const declared = known.get(own.name);
      return (declared === undefined ? own : declaredDirective(own.name, declared)).lines;
    });
  const view: RedisConfView = {
    lab: placement.lab.name,
    instance: instance.id,
    systemd: placement.capabilities.supervisor === "systemd",
    network: lines(defaults.network),
    process: lines(defaults.process),
    files: lines(defaults.files),
    persistence: lines(defaults.persistence),
    limits: lines(defaults.limits),
    security: lines(defaults.security),
    cluster: lines(defaults.cluster),
    replicaOf: masterOf(placement, instance),
    settings: [...known].filter(([name]) => !defaultNames.has(name)).flatMap(([name, value]) => declaredDirective(name, value).lines),
  };
  return renderTemplate("redis.conf", view);
}

/** maxclients of a redis-server, for the open-file limit of its unit. */
export function maxclientsOf(instance: Pick<PlacedInstance, "settings">): number {
  const declared = Number(instance.settings["maxclients"] ?? DEFAULT_MAXCLIENTS);
  return Number.isInteger(declared) ? declared : DEFAULT_MAXCLIENTS;
}

/**
 * Where an instance listens and from where it connects. Up to 6.2 the first address of `bind` is also the source of cluster bus, replication and Sentinel links, and
 * the bus and Sentinel do not fall back (cluster.c, sentinel.c of 4.0.14). 7.0 has a directive of its own for the source; without it, hosts that share a computer
 * all connect from 127.0.0.1 and are taken for one (bind_source_addr in cluster.c, replication.c and sentinel.c of 7.0.15).
 */
export function addressDirectives(placement: Placement, host: PlacedHost): readonly Directive[] {
  const { bindsLoopback } = placement.capabilities;
  return [
    bindsLoopback ? directive("bind", host.address, "127.0.0.1") : directive("bind", host.address),
    ...(wordsOf(placement.version).has("bind-source-addr") ? [directive("bind-source-addr", host.address)] : []),
  ];
}

/** Who keeps the process, for redis-server and sentinel alike. `supervised auto` is broken in 4.0.14: it says READY and then forks. */
export function processDirectives(placement: Placement, instance: PlacedInstance): readonly Directive[] {
  const systemd = placement.capabilities.supervisor === "systemd";
  return [
    directive("daemonize", !systemd),
    ...(systemd ? [directive("supervised", "systemd")] : []),
    directive("pidfile", instance.pidFile),
    directive("logfile", instance.logFile),
  ];
}

function defaultDirectives(placement: Placement, host: PlacedHost, instance: PlacedInstance, secrets: Secrets) {
  const { lab } = placement;
  const { port } = instance;
  const backlog = lab.os.sysctl["net.core.somaxconn"];
  const layout = layoutRow(lab.layout);
  return {
    network: [
      ...addressDirectives(placement, host),
      directive("port", port),
      directive("protected-mode", true),
      ...(backlog === undefined ? [] : [directive("tcp-backlog", backlog)]),
    ],
    process: processDirectives(placement, instance),
    files: [
      directive("dir", workingFolder(host, instance)),
      directive("dbfilename", `dump-${port}.rdb`),
      directive("appendfilename", `appendonly-${port}.aof`),
    ],
    persistence: [repeatedDirective("save", layout.savePoints), directive("stop-writes-on-bgsave-error", false)],
    limits: [directive("maxclients", DEFAULT_MAXCLIENTS), directive("maxmemory", DEFAULT_MAXMEMORY)],
    security: [directive("requirepass", secrets.password), directive("masterauth", secrets.password)],
    cluster: layout.directives(lab.layout, port).map(([name, value]) => directive(name, value)),
  } satisfies Record<string, readonly Directive[]>;
}

/** Where a replica outside of a cluster replicates from at creation. A cluster tells its replicas by command: the line is fatal in cluster mode. */
function masterOf(placement: Placement, instance: PlacedInstance): RedisConfView["replicaOf"] {
  const { role } = instance;
  if (role.kind !== "replica") return [];
  const master = placement.hosts.flatMap(({ instances }) => instances).find(({ id }) => id === role.master);
  return master === undefined ? [] : [{ address: master.address, port: master.port }];
}
