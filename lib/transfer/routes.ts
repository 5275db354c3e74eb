import { isLabError } from "../base/error.ts";
import { waitFor } from "../base/wait.ts";
import { formatRanges, rangesWhere } from "../cluster/model/slots.ts";
import type { Component } from "../cluster/model/topology.ts";
import type { ClusterMember } from "../cluster/model/types.ts";
import { observeClusterView } from "../cluster/model/view.ts";
import { ClientPool, type Closable } from "../redis/client-pool.ts";
import { pairsOf } from "../redis/pairs.ts";
import type { InstanceAccess, RedisClient } from "../redis/types.ts";
import type { Version } from "../redis/version.ts";
import { notWhole } from "./errors.ts";

/** A master that takes keys. */
export interface Master {
  readonly member: ClusterMember;
  readonly version: Version;
  /** It has a replica that is in step. */
  readonly replicated: boolean;
}

/** An own connection to a master. */
export interface MasterConnection extends Closable {
  readonly client: RedisClient;
  /** Longest value in one piece (proto-max-bulk-len), in bytes: the server closes the connection on a longer one. */
  readonly largest: number;
}

/** Longest time between two looks at a cluster that was just found whole, and refused a key all the same, in milliseconds. */
const REST_MS = 100;
/** Longest wait for a cluster to be whole before anything is sent, in milliseconds. One that was just formed needs two seconds. */
const FIRST_MS = 5000;

/** Who takes the keys of which slot, with a connection to each. Learns from MOVED, and looks at the cluster again when asked to. */
export class Routes {
  readonly #members: readonly ClusterMember[];
  readonly #access: InstanceAccess;
  readonly #connections: ClientPool<MasterConnection>;
  #owners: readonly (Master | undefined)[] = [];
  readonly #learnt = new Map<number, Master>();
  #byAddress = new Map<string, Master>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #nodeIds: ReadonlyMap<string, string> = new Map();

  private constructor(members: readonly ClusterMember[], access: InstanceAccess) {
    this.#members = members;
    this.#access = access;
    this.#connections = new ClientPool((id) => openMaster(id, access));
  }

  /** @throws LabError `cluster.not-whole` */
  static async open(members: readonly ClusterMember[], access: InstanceAccess, signal?: AbortSignal): Promise<Routes> {
    const routes = new Routes(members, access);
    await routes.look(FIRST_MS, signal);
    return routes;
  }

  /** Instance by node id, of all nodes of the cluster that answer. */
  get nodeIds(): ReadonlyMap<string, string> {
    return this.#nodeIds;
  }

  /** Masters with slots. */
  get masters(): readonly Master[] {
    return [...new Set(this.#owners.filter((each) => each !== undefined))];
  }

  ownerOf(slot: number): Master | undefined {
    return this.#learnt.get(slot) ?? this.#owners[slot];
  }

  /** Who answers at an address that a server named. */
  at(address: string, port: number): Master | undefined {
    return this.#byAddress.get(`${address}:${port}`);
  }

  /** A server said who has a slot now. */
  learn(slot: number, owner: Master): void {
    this.#learnt.set(slot, owner);
  }

  /** Looks until every slot has a master that takes keys. @throws LabError `cluster.not-whole` */
  async look(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    let missing: string | undefined = "a moment's rest";
    await waitFor(
      async () => {
        if (performance.now() - this.#lookedAt >= REST_MS) missing = await this.#lookOnce();
        return missing === undefined ? { done: true, value: undefined } : { done: false, missing };
      },
      { what: "a cluster that takes keys", timeoutMs, signal },
    ).catch((error: unknown) => {
      throw isLabError(error) ? notWhole(missing ?? error.what) : error;
    });
  }

  /** An own connection; a new one where the last was lost. */
  async connectionTo({ member }: Master): Promise<MasterConnection> {
    return this.#connections.client(member.id);
  }

  /** Forgets a connection that gave no answer: what it still says belongs to nobody. */
  drop({ member }: Master): void {
    this.#connections.drop(member.id);
  }

  close(): void {
    this.#connections.close();
  }

  /** @returns what is missing */
  async #lookOnce(): Promise<string | undefined> {
    const { cluster } = await observeClusterView(this.#members, this.#access);
    this.#lookedAt = performance.now();
    const masters = new Map<string, Master>();
    for (const { nodeId, member, version, self } of cluster.live) {
      if (self.role !== "master") continue;
      const replicated = cluster.live.some((node) => node.self.masterId === nodeId && node.masterLink === "up");
      masters.set(nodeId, { member, version, replicated });
    }
    this.#owners = cluster.owners.map((nodeId) => (nodeId === undefined ? undefined : masters.get(nodeId)));
    this.#byAddress = new Map([...masters.values()].map((master) => [`${master.member.address}:${master.member.port}`, master]));
    this.#learnt.clear();
    this.#nodeIds = new Map(cluster.live.map(({ nodeId, id }) => [nodeId, id]));
    return this.#missing(cluster);
  }

  #missing(cluster: Component): string | undefined {
    if (cluster.live.length === 0) return "an answer of any of its nodes";
    const gaps = rangesWhere((slot) => this.#owners[slot] === undefined);
    if (gaps.length > 0) return `a master for the slots ${formatRanges(gaps)}`;
    const owners = new Set(this.masters.map(({ member }) => member.id));
    const failing = cluster.live.filter(({ id, clusterState }) => owners.has(id) && clusterState === "fail");
    return failing.length === 0 ? undefined : `${failing.map(({ id }) => id).join(" and ")} saying cluster_state:ok`;
  }
}

async function openMaster(id: string, access: InstanceAccess): Promise<MasterConnection> {
  const client = await access.connect(id);
  const reply = await client.call(["CONFIG", "GET", "proto-max-bulk-len"]).catch(() => []);
  return {
    client,
    largest: Number(pairsOf(reply)["proto-max-bulk-len"] ?? 512 << 20),
    get closed() {
      return client.closed;
    },
    close: () => client.close(),
  };
}
