import type { SlotRange } from "../../redis/types.ts";
import { allocateSlots } from "../model/slots.ts";

/** A node that a new cluster is made of. */
export interface Candidate {
  readonly id: string;
  /** Machine, or address where nothing better is known. */
  readonly host: string;
  /** What the machine runs on. @default each host by itself */
  readonly hypervisor?: string;
}

export interface Allocation {
  readonly masters: readonly { readonly id: string; readonly slots: SlotRange }[];
  /** In the order in which they were given to their masters. */
  readonly replicas: readonly { readonly id: string; readonly master: string }[];
  /** The same before anything was swapped. */
  readonly initial: readonly { readonly id: string; readonly master: string }[];
  /** Before anything was swapped, and after. 0 is perfect. */
  readonly initialScore: number;
  readonly score: number;
}

export interface AllocateOptions {
  /** Replicas of each master. Nodes that are left over become further ones. */
  readonly replicas: number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** A replica that dies with its master is worth nothing; one that dies with another replica of the same master is worth less (get_anti_affinity_score of redis-trib.rb 4.0.14). */
const WITH_MASTER = 10_000;
const WITH_SIBLING = 1;

/**
 * Which nodes become masters and whom the others replicate, as redis-trib does it: one node of each host in turn, the first ones as masters; the rest, rotated by one, are given to the first
 * master that is not on their host; then pairs are swapped at random as long as that is no worse. Unlike redis-trib, nodes of one hypervisor count as neighbours like those of one
 * host. Pure.
 */
export function allocateNodes(nodes: readonly Candidate[], { replicas, random }: AllocateOptions): Allocation {
  const count = Math.floor(nodes.length / (replicas + 1));
  const ordered = interleaved(nodes);
  const masters = ordered.slice(0, count);
  const rest = ordered.slice(count);
  const [first] = rest;
  const free = first === undefined ? [] : [...rest.slice(1), first];
  const given: Given[] = [];
  const give = (master: Candidate): void => {
    const at = free.findIndex((node) => node.host !== master.host && !sameHypervisor(node, master));
    const elsewhere = at >= 0 ? at : free.findIndex((node) => node.host !== master.host);
    const [node] = free.splice(Math.max(elsewhere, 0), 1);
    if (node !== undefined) given.push({ node, master });
  };
  for (const master of masters) for (let index = 0; index < replicas; index += 1) give(master);
  // What is left over, one for each master.
  while (free.length > 0 && masters.length > 0) for (const master of masters) if (free.length > 0) give(master);
  const initialScore = scoreOf(given).score;
  const improved = initialScore === 0 ? given : swapped(given, nodes.length, random);
  const ranges = count === 0 ? [] : allocateSlots(count);
  return {
    masters: masters.flatMap(({ id }, index) => ranges.slice(index, index + 1).map((slots) => ({ id, slots }))),
    replicas: improved.map(idsOf),
    initial: given.map(idsOf),
    initialScore,
    score: scoreOf(improved).score,
  };
}

function idsOf({ node, master }: Given): { readonly id: string; readonly master: string } {
  return { id: node.id, master: master.id };
}

interface Given {
  readonly node: Candidate;
  readonly master: Candidate;
}

/** One of each host in turn, hosts in the order in which they were first named. */
function interleaved(nodes: readonly Candidate[]): readonly Candidate[] {
  const byHost = new Map<string, Candidate[]>();
  for (const node of nodes) byHost.set(node.host, [...(byHost.get(node.host) ?? []), node]);
  const hosts = [...byHost.values()];
  const rounds = Math.max(0, ...hosts.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) => hosts.flatMap((host) => host.slice(round, round + 1))).flat();
}

function sameHypervisor(a: Candidate, b: Candidate): boolean {
  return a.hypervisor !== undefined && a.hypervisor === b.hypervisor;
}

function together(a: Candidate, b: Candidate): boolean {
  return a.host === b.host || sameHypervisor(a, b);
}

/** The violations, and the replicas that commit them. */
function scoreOf(given: readonly Given[]): { readonly score: number; readonly offenders: readonly number[] } {
  let score = 0;
  const offenders: number[] = [];
  given.forEach(({ node, master }, index) => {
    const withMaster = together(node, master);
    const withSibling = given.some((other, at) => at !== index && other.master === master && together(other.node, node));
    score += (withMaster ? WITH_MASTER : 0) + (withSibling ? WITH_SIBLING : 0);
    if (withMaster || withSibling) offenders.push(index);
  });
  return { score, offenders };
}

/** Swaps the master of an offender with that of any other replica, and keeps what is no worse: the best may need several swaps together. */
function swapped(given: readonly Given[], nodes: number, random: () => number): readonly Given[] {
  const pick = (count: number) => Math.floor(random() * count);
  let best = [...given];
  for (let left = 500 * nodes; left > 0; left -= 1) {
    const { score, offenders } = scoreOf(best);
    if (score === 0 || best.length < 2) return best;
    const first = offenders[pick(offenders.length)] ?? 0;
    const other = pick(best.length - 1);
    const second = other >= first ? other + 1 : other;
    const [a, b] = [best[first], best[second]];
    if (a === undefined || b === undefined) return best;
    const next = [...best];
    next[first] = { node: a.node, master: b.master };
    next[second] = { node: b.node, master: a.master };
    if (scoreOf(next).score <= score) best = next;
  }
  return best;
}
