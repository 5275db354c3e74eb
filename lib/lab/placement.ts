import type { Version } from "../redis/version.ts";
import { wordsOf } from "../redis/words.ts";
import { type Instance, instancesOf, isRedisServer } from "./instances.ts";
import { declaredVersion } from "./product.ts";
import { PROGRAMS, type ProgramKind } from "./programs.ts";
import type { Lab } from "./schema.ts";
import { type Login, TARGETS, type TargetCapabilities, type TargetName } from "./targets.ts";

/** A lab as it stands on one target: every host with the address, paths and instances that it really has there. What render, bootstrap and the engines work from. */
export interface Placement {
  readonly lab: Lab;
  readonly target: TargetName;
  readonly capabilities: TargetCapabilities;
  /** What really runs: the lab's version, unless the source fell back to the distribution's. */
  readonly version: Version;
  readonly hosts: readonly PlacedHost[];
  /** For as long as sentinels run that know no password, as in an upgrade, those that are started get none: the others could not speak to them. @default false */
  readonly openSentinels?: boolean;
}

export interface PlacedHost {
  readonly name: string;
  readonly address: string;
  /** Memory of the host in MiB where the lab declares it. */
  readonly memoryMiB: number | undefined;
  readonly ssh: Login;
  readonly paths: HostPaths;
  readonly instances: readonly PlacedInstance[];
}

/** Folders of Redis on a host, absolute, without trailing slash. */
export interface HostPaths {
  readonly prefix: string;
  readonly bin: string;
  readonly etc: string;
  readonly data: string;
  readonly logs: string;
  readonly run: string;
}

export interface PlacedInstance extends Instance {
  readonly kind: ProgramKind;
  readonly address: string;
  /** systemd unit without `.service`: `redis`, `redis-PORT` for further instances, `redis-sentinel` (`redis-sentinel-PORT` off 26379). */
  readonly unit: string;
  /** Absolute paths on the host. */
  readonly configFile: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** Directives of the lab and of the instance, the latter winning; as declared. */
  readonly settings: Lab["redis"]["settings"];
}

export interface PlacementOptions {
  readonly target: TargetName;
  /** @default the lab's declared version */
  readonly version?: Version;
  /** Folder that holds a folder per host on targets that do not manage hosts, absolute; `HOST` + the lab's prefix is appended. */
  readonly hostsFolder: string;
  /** Private key of the lab, absolute; for targets that log in with it. @default the keys that OpenSSH would try */
  readonly labKey?: string;
}

/** Whether clients of an instance give the lab's password, once it is as declared. */
export function takesPassword({ version }: Pick<Placement, "version">, kind: ProgramKind): boolean {
  return PROGRAMS[kind].takesPassword === "always" || wordsOf(version).sentinel.takesPassword;
}

/** Places a lab on a target. Pure. */
export function placeLab(lab: Lab, options: PlacementOptions): Placement {
  const capabilities = TARGETS[options.target];
  const instances = instancesOf(lab);
  return {
    lab,
    target: options.target,
    capabilities,
    version: options.version ?? declaredVersion(lab),
    hosts: lab.hosts.map((host) => {
      const address = capabilities.address(lab, host);
      const paths = hostPaths(capabilities.managesHost ? lab.redis.prefix : `${options.hostsFolder}/${host.name}${lab.redis.prefix}`);
      return {
        name: host.name,
        address,
        memoryMiB: host.memoryMiB,
        ssh: capabilities.login(lab, host, options.labKey),
        paths,
        instances: instances
          .filter((instance) => instance.host === host.name)
          .map((instance) =>
            placeInstance(instance, address, paths, {
              ...lab.redis.settings,
              ...host.instances.find(({ port }) => port === instance.port)?.settings,
            }),
          ),
      };
    }),
  };
}

export function hostPaths(prefix: string): HostPaths {
  return { prefix, bin: `${prefix}/bin`, etc: `${prefix}/etc`, data: `${prefix}/data`, logs: `${prefix}/logs`, run: `${prefix}/run` };
}

function placeInstance(instance: Instance, address: string, paths: HostPaths, settings: Lab["redis"]["settings"]): PlacedInstance {
  const kind = isRedisServer(instance) ? "redis" : "sentinel";
  const program = PROGRAMS[kind];
  const suffix = instance.port === program.usualPort ? "" : `-${instance.port}`;
  return {
    ...instance,
    kind,
    address,
    unit: `${program.unit}${suffix}`,
    configFile: `${paths.etc}/${program.files}${suffix}.conf`,
    logFile: `${paths.logs}/${program.files}-${instance.port}.log`,
    pidFile: `${paths.run}/${program.files}-${instance.port}.pid`,
    settings: program.takesSettings ? settings : {},
  };
}

/** All instances of a placement, in the order of the hosts. */
export function placedInstances(placement: Placement): readonly PlacedInstance[] {
  return placement.hosts.flatMap(({ instances }) => instances);
}

/** Whether the machines of a placement are of redis-lab's own making, so that it knows the way to them. */
export function isOwnMachine({ capabilities }: Pick<Placement, "capabilities">): boolean {
  return capabilities.machines === "terraform";
}
