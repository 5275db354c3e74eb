import type { Connection } from "../connection/connection.ts";
import { openLocalConnection } from "../connection/local.ts";
import { type LabError, messageOf } from "../error.ts";
import type { Emit } from "../events.ts";
import { type PlacedHost, type Placement, placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import type { Secrets } from "../lab/secrets.ts";
import type { TargetName } from "../lab/targets.ts";
import type { Project } from "../project/project.ts";
import { loadSecrets } from "../project/secrets-file.ts";
import { type LabState, readState, rememberedSource, type StatePaths, statePaths } from "../project/state.ts";
import { type Access, openAccess } from "./access.ts";
import { findHost } from "./find.ts";

/** How many hosts are worked on at the same time. Seven is a lab; more would only queue on the two ends of one link. */
export const HOST_CONCURRENCY = 8;

/** A lab on a target, reached: what every verb that looks at or changes a lab works in. */
export interface Session {
  readonly project: Project;
  readonly lab: Lab;
  readonly target: TargetName;
  readonly paths: StatePaths;
  readonly secrets: Secrets;
  readonly state: LabState;
  readonly placement: Placement;
  /** Open connections by host name. */
  readonly connections: ReadonlyMap<string, Connection>;
  /** Hosts that could not be reached, with the reason. */
  readonly unreachable: ReadonlyMap<string, LabError | Error>;
  readonly access: Access;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Connects a host anew after its machine was started again. @throws LabError where it can't be reached; the host is without a connection then */
  reconnect(host: string): Promise<void>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly project: Project;
  readonly lab: Lab;
  readonly target: TargetName;
  readonly environment: NodeJS.ProcessEnv;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Only these hosts are connected. @default all */
  readonly hosts?: readonly string[];
  /** How each host is connected. @default at once */
  readonly reach?: Reach | undefined;
}

/** Connects a host by `connect`, when and as often as it takes. */
export type Reach = (host: PlacedHost, connect: (options?: { readonly retries?: number }) => Promise<Connection>) => Promise<Connection>;

/** Loads secrets and state, places the lab and connects its hosts, all at once. A host that can't be reached is data, not an error. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { project, lab, target, emit } = options;
  const paths = statePaths(project, lab.name, target);
  const [secrets, state] = await Promise.all([loadSecrets(project, lab, options.environment), readState(paths)]);
  const version = rememberedSource(state, lab)?.version;
  const placement = placeLab(lab, { target, ...paths, ...(version !== undefined && { version }) });
  const reach: Reach = options.reach ?? ((_host, open) => open());
  const wanted = placement.hosts.filter(({ name }) => options.hosts?.includes(name) ?? true);
  const connections = new Map<string, Connection>();
  const unreachable = new Map<string, Error>();
  await Promise.all(
    wanted.map(async (host) => {
      try {
        connections.set(host.name, await reach(host, (more) => connect(placement, host, paths, emit, more)));
      } catch (error) {
        unreachable.set(host.name, error instanceof Error ? error : new Error(messageOf(error)));
      }
    }),
  );
  const access = openAccess({ placement, secrets, connections, unreachable });
  return {
    project,
    lab,
    target,
    paths,
    secrets,
    state,
    placement,
    connections,
    unreachable,
    access,
    emit,
    signal: options.signal,
    async reconnect(name) {
      const host = findHost(placement, name);
      for (const { id } of host.instances) access.drop(id);
      const old = connections.get(name);
      connections.delete(name);
      await old?.close();
      connections.set(name, await reach(host, (more) => connect(placement, host, paths, emit, more)));
    },
    async close() {
      access.close();
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

/** Opens a session for `work` and closes it whatever happens. */
export async function withSession<T>(options: SessionOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The same session with the version that was resolved in the meantime. */
export function withVersion(session: Session, version: string): Session {
  const placement = placeLab(session.lab, { target: session.target, ...session.paths, version });
  return { ...session, placement };
}

async function connect(
  placement: Placement,
  host: PlacedHost,
  paths: StatePaths,
  emit: Emit,
  options: { readonly retries?: number } = {},
): Promise<Connection> {
  if (placement.capabilities.connection === "local") return openLocalConnection(host.name);
  // ssh2 takes longer to load than a local status takes in all.
  const { openSshConnection } = await import("../connection/ssh.ts");
  return openSshConnection(host.name, { ...host.ssh, address: host.address }, { knownHostsFile: paths.knownHostsFile, emit, ...options });
}
