import { stat } from "node:fs/promises";
import { allEnded } from "../base/all-ended.ts";
import type { LabError } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { expectedError } from "../base/system-error.ts";
import { removeTemporaryFolders } from "../base/temporary-folder.ts";
import type { Connection } from "../connection/connection.ts";
import { openLocalConnection } from "../connection/local.ts";
import type { SshOptions } from "../connection/ssh.ts";
import { isOwnMachine, type PlacedHost, type Placement, placeLab } from "../lab/placement.ts";
import { productOf } from "../lab/product.ts";
import type { Lab } from "../lab/schema.ts";
import type { Secrets } from "../lab/secrets.ts";
import type { TargetName } from "../lab/targets.ts";
import type { LabNetwork, Whereabouts } from "../netns/network.ts";
import type { Project } from "../project/project.ts";
import { loadSecrets } from "../project/secrets-file.ts";
import { type LabState, readState, rememberedSource, type StatePaths, statePaths } from "../project/state.ts";
import { Version } from "../redis/version.ts";
import { type Access, openAccess } from "./access.ts";
import { findHost } from "./find.ts";
import { openNetwork } from "./network.ts";

/** How many hosts are worked on at the same time. Seven is a lab; more would only queue on the two ends of one link. */
export const HOST_CONCURRENCY = 8;

/** How many hosts are looked at at the same time: a look is one short script, and most of its time is the way there and back. */
export const LOOK_CONCURRENCY = 32;

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
  readonly unreachable: ReadonlyMap<string, LabError>;
  readonly access: Access;
  /** The network of the lab where redis-lab makes one, there or not. @default undefined: it is that of the computer or of machines */
  readonly network: LabNetwork | undefined;
  readonly emit: Emit;
  /** The interruption of the run. Connections and access know it: a host or an instance that is silent after it is given up. */
  readonly signal: AbortSignal | undefined;
  /** Connects a host again after its machine was started again. @throws LabError where it can't be reached; the host is without a connection then */
  reconnect(host: string): Promise<void>;
  /**
   * What stands before a program so that it runs where the addresses of the lab lead to its instances: nothing where that is everywhere.
   *
   * @param where a host, or the place of clients. @default "client"
   * @throws LabError `netns.down`
   */
  enter(where?: Whereabouts): readonly string[];
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

/** Loads secrets and state, places the lab and connects its hosts, all at once. A host that can't be reached is data, not an error. @throws the reason of `signal`, with nothing left open */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { project, lab, target, emit } = options;
  const paths = statePaths(project, lab.name, target);
  const [secrets, state, trusted] = await Promise.all([
    loadSecrets(project, lab, options.environment),
    readState(paths),
    keepers(paths),
    // Any run may be the next one after one that was killed.
    removeTemporaryFolders(),
  ]);
  const remembered = rememberedSource(state, lab)?.version;
  const network = await openNetwork({ lab, target, paths, signal: options.signal });
  const version = remembered === undefined ? undefined : Version.of(productOf(lab), remembered);
  const placement = placeLab(lab, { target, ...paths, ...(version !== undefined && { version }) });
  const reach: Reach = options.reach ?? ((_host, open) => open());
  const wanted = placement.hosts.filter(({ name }) => options.hosts?.includes(name) ?? true);
  const connections = new Map<string, Connection>();
  const unreachable = new Map<string, LabError>();
  const { signal } = options;
  const open = (host: PlacedHost) =>
    reach(host, (more) => connect(placement, host, { trusted, network }, { knownHostsFile: paths.knownHostsFile, emit, signal, ...more }));
  const closeAll = async () => {
    await Promise.all([...connections.values()].map((connection) => connection.close()));
    network?.close();
  };
  try {
    await allEnded(
      wanted.map(async (host) => {
        try {
          connections.set(host.name, await open(host));
        } catch (error) {
          unreachable.set(host.name, expectedError(error));
        }
      }),
    );
    signal?.throwIfAborted();
  } catch (error) {
    await closeAll();
    throw error;
  }
  const access = openAccess({ placement, secrets, connections, unreachable, signal });
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
    network,
    emit,
    signal,
    enter: (where) => network?.enter(where) ?? [],
    async reconnect(name) {
      const host = findHost(placement, name);
      for (const { id } of host.instances) access.drop(id);
      const old = connections.get(name);
      connections.delete(name);
      await old?.close();
      connections.set(name, await open(host));
    },
    async close() {
      access.close();
      await closeAll();
    },
  };
}

/** The connection to a host. @throws why there is none */
export function connectionTo({ connections, unreachable }: Pick<Session, "connections" | "unreachable">, host: string): Connection {
  const connection = connections.get(host);
  if (connection === undefined) throw unreachable.get(host) ?? new Error(`${host} is not connected`);
  return connection;
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
export function withVersion(session: Session, version: Version): Session {
  const placement = placeLab(session.lab, { target: session.target, ...session.paths, version });
  return { ...session, placement };
}

/** Whose servers on this computer root may speak to as to its own: those of the user who keeps the lab, and its password, in a folder. That is who typed `sudo`, or whose lab root looks at. */
async function keepers({ labFolder }: StatePaths): Promise<readonly number[]> {
  if (process.geteuid?.() !== 0) return [];
  const found = await stat(labFolder).catch(() => undefined);
  return found === undefined ? [] : [found.uid];
}

interface OnThisComputer {
  readonly trusted: readonly number[];
  readonly network: LabNetwork | undefined;
}

async function connect(placement: Placement, host: PlacedHost, here: OnThisComputer, options: SshOptions): Promise<Connection> {
  if (placement.capabilities.connection === "local") {
    const { trusted, network } = here;
    return openLocalConnection(host.name, { signal: options.signal, trusted, place: network?.placeOf(host.name) });
  }
  // ssh2 takes longer to load than a local status takes in all.
  const { openSshConnection } = await import("../connection/ssh.ts");
  return openSshConnection(host.name, { ...host.ssh, address: host.address }, { ...options, ownMachine: isOwnMachine(placement) });
}
