import type * as v from "valibot";
import type { LabFault } from "../errors.ts";
import type { Host } from "../host-schema.ts";
import type { ProgramKind } from "../programs.ts";

/** What the lab says an instance is when the layout is created. A failover may make it something else; that is not drift. */
export type DeclaredRole =
  | { readonly kind: "cluster-master"; readonly index: number }
  | { readonly kind: "cluster-replica"; readonly master: string }
  | { readonly kind: "standby" }
  /** `monitor`: the name under which sentinels watch it; undefined where there are none. */
  | { readonly kind: "master"; readonly monitor?: string | undefined }
  | { readonly kind: "replica"; readonly monitor?: string | undefined; readonly master: string }
  | { readonly kind: "sentinel" };

/** The part of a lab from which a row answers. */
export interface LayoutLab<L> {
  readonly hosts: readonly Host[];
  readonly layout: L;
}

/** One master that sentinels watch, with instances as `HOST:PORT`. Times in milliseconds. */
export interface DeclaredMonitor {
  readonly name: string;
  readonly master: string;
  readonly replicas: readonly string[];
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly parallelSyncs: number;
  readonly failoverTimeoutMs: number;
}

/** An instance that belonged to the lab before. `RememberedMember` of the state fits. */
export interface LayoutMember {
  /** `HOST:PORT`. */
  readonly id: string;
  readonly port: number;
  /** Not remembered by older states. */
  readonly kind?: ProgramKind | undefined;
  readonly monitor?: string | undefined;
}

/** What an instance that crashed has to know before it starts again. */
export interface RestartFacts {
  /** Where the copies of its data are: its own nodes file names them, or the redis-servers with these ids may have one. */
  readonly copies: "nodes-file" | readonly string[];
  /** Milliseconds after which the layout should have failed over by itself; 0 where nobody does. */
  readonly failoverOverdueMs: number;
}

/** An instance on its target, as a client reaches it. */
export interface ReachableInstance {
  readonly address: string;
  readonly port: number;
  readonly role: DeclaredRole;
}

/** Everything in which one kind of layout differs from another before anything runs: the pure part. The running part is `lib/operations/layouts/`. */
export interface LayoutRow<L extends { readonly kind: string }> {
  /** The fields of `lab.layout`, with `kind` as a literal. */
  readonly schema: v.GenericSchema<unknown, L>;
  /** What the fields alone don't tell: references that name nothing, roles that are given twice or not at all. */
  faults(lab: LayoutLab<L>): readonly LabFault[];
  /** Roles of the redis-servers by instance id. The last mention of an instance wins; `faults` refuses a second one. */
  roles(lab: LayoutLab<L>): ReadonlyMap<string, DeclaredRole>;
  /** Ids of the sentinels, in their order: processes that the layout adds to those of the hosts. */
  sentinels(lab: LayoutLab<L>): readonly string[];
  /** What the sentinels watch; none where there are no sentinels. */
  monitors(lab: LayoutLab<L>): readonly DeclaredMonitor[];
  /** The TCP ports on which an instance listens, given the one that clients use. */
  ports(port: number): readonly number[];
  /** Explains a port that is used twice, with a blank before it; empty where there is nothing to explain. */
  readonly portHint: string;
  /** Masters own slots: the lab has the verbs of `redis-lab cluster`. */
  readonly hasSlots: boolean;
  /** Who elects the next master, with a word for several of them; undefined where nobody does. */
  readonly electors: { readonly role: DeclaredRole["kind"]; readonly plural: string } | undefined;
  /** What can be done without the password from where the ports of the lab are reached: the rest of a sentence that begins with "each of them". */
  readonly exposure: string;
  /** Default of `save`: seconds and changes. */
  readonly savePoints: readonly (readonly [seconds: number, changes: number])[];
  /** Further directives of redis.conf that the layout gives. */
  directives(layout: L, port: number): readonly (readonly [name: string, value: string | number | boolean])[];
  /** Client URIs by name, without a password. */
  uris(layout: L, instances: readonly ReachableInstance[]): Readonly<Record<string, string>>;
  /** Whether a former member was a redis-server; a sentinel is named in the layout alone. */
  isServer(member: LayoutMember): boolean;
  /** What a redis-server has to know when it starts again after a crash. */
  restart(lab: LayoutLab<L>, instance: string): RestartFacts;
  /** The layout with members of hosts that are declared no more, in places where they can be reached and nothing is wanted of them. */
  withFormer(layout: L, members: readonly LayoutMember[]): L;
}

/** Save points of the redis.conf that 4.0.14 ships. Without any `save` line a redis-server before 7.0 that is given a file saves nothing (main() in server.c of 4.0.14). */
export const SHIPPED_SAVE_POINTS = [
  [900, 1],
  [300, 10],
  [60, 10_000],
] as const;

/** `ADDRESS:PORT` of the instances that have one of these roles, with commas between them. */
export function addressList(instances: readonly ReachableInstance[], ...roles: readonly DeclaredRole["kind"][]): string {
  return instances
    .filter(({ role }) => roles.includes(role.kind))
    .map(({ address, port }) => `${address}:${port}`)
    .join(",");
}
