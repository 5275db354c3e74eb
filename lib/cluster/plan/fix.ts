import { countSlots, eachSlot, rangesWhere, SLOT_COUNT } from "../model/slots.ts";
import { acquaintances, type Component, type LiveNode, mastersOf, ownSlots } from "../model/topology.ts";
import type { SlotAction } from "../model/types.ts";

/** Keys by instance id and slot; masters without keys in a slot may be left out. */
export type KeyCounts = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** A slot that is not right, with everything that its masters say of it. */
export interface SlotCase {
  readonly slot: number;
  /** Masters that say it is theirs, the highest config epoch first. */
  readonly owners: readonly LiveNode[];
  /** Whom the others take for the owner, and who does not say so. */
  readonly believed: LiveNode | undefined;
  readonly migrating: readonly { readonly node: LiveNode; readonly to: string }[];
  readonly importing: readonly { readonly node: LiveNode; readonly from: string }[];
  /** Masters with keys in it, the most first. */
  readonly holders: readonly { readonly node: LiveNode; readonly keys: number }[];
}

/** How a slot is put right. Closed set; the words are those of people who fix clusters. */
export type SlotVerdict =
  /** The move that is open goes on to its end. */
  | { readonly kind: "finish"; readonly owner: LiveNode; readonly target: LiveNode }
  /** It stays with its only owner: keys elsewhere are gathered, and what is open is closed. */
  | { readonly kind: "keep"; readonly owner: LiveNode }
  /** Several say that it is theirs: the highest config epoch wins, as it would by gossip, but without the loss of the others' keys. */
  | { readonly kind: "contested"; readonly owner: LiveNode }
  /** Nobody says so. `by`: others believe it, it has keys, it has an end of a move, or it has the fewest slots. */
  | { readonly kind: "uncovered"; readonly owner: LiveNode; readonly by: "belief" | "keys" | "open" | "fewest" };

/** A slot with what is wrong, what is decided, and how it is done. */
export interface SlotFix {
  readonly case: SlotCase;
  readonly verdict: SlotVerdict;
  readonly actions: readonly SlotAction[];
}

/** Slots that have to be looked into: open at a master, claimed by several, by nobody who answers, or with keys at who does not own them. */
export function suspectSlots(cluster: Component, counts: KeyCounts): readonly number[] {
  const masters = mastersOf(cluster);
  const suspects = new Set([...eachSlot(cluster.contested)]);
  for (const { self } of masters) for (const slot of [...self.migrating.keys(), ...self.importing.keys()]) suspects.add(slot);
  const owned = new Set(masters.flatMap((node) => [...eachSlot(ownSlots(node))]));
  for (const node of masters) {
    const own = new Set(eachSlot(ownSlots(node)));
    for (const [slot, keys] of counts.get(node.id) ?? []) if (keys > 0 && !own.has(slot)) suspects.add(slot);
  }
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (!owned.has(slot)) suspects.add(slot);
  return [...suspects].sort((a, b) => a - b);
}

/** What is said of a slot. */
export function readCase(slot: number, cluster: Component, counts: KeyCounts): SlotCase {
  const masters = mastersOf(cluster);
  const owners = masters.filter((node) => ownSlots(node).some(({ first, last }) => first <= slot && slot <= last));
  const voices = masters.flatMap(({ view }) =>
    acquaintances(view).filter(({ slots }) => slots.some(({ first, last }) => first <= slot && slot <= last)),
  );
  const believed = masters
    .filter((node) => !owners.includes(node))
    .find(({ nodeId }) => 2 * voices.filter(({ id }) => id === nodeId).length >= masters.length);
  return {
    slot,
    owners: [...owners].sort((a, b) => b.myEpoch - a.myEpoch),
    believed,
    migrating: masters.flatMap((node) => {
      const to = node.self.migrating.get(slot);
      return to === undefined ? [] : [{ node, to }];
    }),
    importing: masters.flatMap((node) => {
      const from = node.self.importing.get(slot);
      return from === undefined ? [] : [{ node, from }];
    }),
    holders: masters
      .map((node) => ({ node, keys: counts.get(node.id)?.get(slot) ?? 0 }))
      .filter(({ keys }) => keys > 0)
      .sort((a, b) => b.keys - a.keys),
  };
}

/**
 * Who gets a slot. The configuration decides first, by epoch; keys decide only where it says nothing (unlike redis-trib, for which the most keys win): what a client was answered
 * to be the owner has the newest values. Pure.
 *
 * @param finish false: what is open goes back to its owner
 * @param spare the master that takes slots which nobody has anything of
 */
export function judge({ owners, believed, migrating, importing, holders }: SlotCase, spare: LiveNode, finish = true): SlotVerdict {
  const [owner, rival] = owners;
  if (owner !== undefined) {
    if (rival !== undefined) return { kind: "contested", owner };
    const to = migrating.find(({ node }) => node === owner)?.to;
    const target = importing.find(({ node, from }) => node.nodeId === to && from === owner.nodeId)?.node;
    return target === undefined || !finish ? { kind: "keep", owner } : { kind: "finish", owner, target };
  }
  if (believed !== undefined) return { kind: "uncovered", owner: believed, by: "belief" };
  const [holder] = holders;
  if (holder !== undefined) return { kind: "uncovered", owner: holder.node, by: "keys" };
  const open = [...migrating, ...importing][0];
  return open === undefined ? { kind: "uncovered", owner: spare, by: "fewest" } : { kind: "uncovered", owner: open.node, by: "open" };
}

/** The commands that bring a verdict about, in an order in which no key is lost wherever they end. Pure. */
export function actionsOf({ slot, owners, migrating, importing, holders }: SlotCase, verdict: SlotVerdict): SlotAction[] {
  const slots = [{ first: slot, last: slot }];
  const final = verdict.kind === "finish" ? verdict.target : verdict.owner;
  const losers = owners.filter((node) => node !== verdict.owner);
  const others = new Set([...holders.map(({ node }) => node), ...importing.map(({ node }) => node), ...migrating.map(({ node }) => node)]);
  for (const node of [final, ...(verdict.kind === "finish" ? [verdict.owner] : [])]) others.delete(node);
  const close = (node: LiveNode): SlotAction => ({ kind: "close-slots", instance: node.id, owner: final.id, slots });
  const actions: SlotAction[] = [];
  if (verdict.kind === "finish") actions.push({ kind: "move-slots", source: verdict.owner.id, target: final.id, slots });
  else {
    // Before the winner's epoch rises: a loser that hears of it deletes its keys of the slot.
    for (const node of losers) actions.push({ kind: "disown-slots", instance: node.id, owner: final.id, slots });
    if (verdict.kind !== "keep") actions.push({ kind: "claim-slots", instance: final.id, slots });
    else if ([...migrating, ...importing].some(({ node }) => node === final)) actions.push(close(final));
  }
  for (const node of others) {
    const hasKeys = holders.some((holder) => holder.node === node);
    if (hasKeys) actions.push({ kind: "gather-keys", slot, source: node.id, target: final.id });
    actions.push(close(node));
  }
  for (const node of losers) if (!others.has(node)) actions.push(close(node));
  return actions;
}

export interface FixInput {
  /** Moves that are open go on to their end; else their keys go back. @default true */
  readonly finish?: boolean;
  readonly cluster: Component;
  readonly slots: readonly number[];
  readonly counts: KeyCounts;
}

/** How each slot is put right, in the order of the slots. Pure. */
export function planFix({ cluster, slots, counts, finish }: FixInput): readonly SlotFix[] {
  const masters = mastersOf(cluster);
  const [first] = masters;
  if (first === undefined) return [];
  const judged = slots.map((slot) => {
    const found = readCase(slot, cluster, counts);
    return { found, verdict: judge(found, first, finish) };
  });
  const shares = new Map(masters.map((node) => [node, countSlots(ownSlots(node))]));
  const isSpare = (verdict: SlotVerdict) => verdict.kind === "uncovered" && verdict.by === "fewest";
  for (const { verdict } of judged)
    if (verdict.kind === "uncovered" && !isSpare(verdict)) shares.set(verdict.owner, (shares.get(verdict.owner) ?? 0) + 1);
  const takers = dealt(judged.filter(({ verdict }) => isSpare(verdict)).length, shares)[Symbol.iterator]();
  return judged.flatMap(({ found, verdict: given }): SlotFix[] => {
    const verdict: SlotVerdict = isSpare(given) ? { kind: "uncovered", owner: takers.next().value ?? first, by: "fewest" } : given;
    const actions = actionsOf(found, verdict);
    return actions.length > 0 ? [{ case: found, verdict, actions }] : [];
  });
}

/** Who takes each of so many slots, so that all end as even as they can, and each gets its slots in one piece: thousands of ranges of one slot would be listed in every packet and every CLUSTER SLOTS. */
function* dealt(count: number, shares: ReadonlyMap<LiveNode, number>): Generator<LiveNode> {
  const sizes = new Map(shares);
  for (let left = count; left > 0; left -= 1) {
    const [least] = [...sizes].reduce((fewest, each) => (each[1] < fewest[1] ? each : fewest));
    sizes.set(least, (sizes.get(least) ?? 0) + 1);
  }
  for (const [node, size] of sizes) for (let left = size - (shares.get(node) ?? 0); left > 0; left -= 1) yield node;
}

/** When an action of a fix has its turn: what would lose keys if it came too late is first. */
function turnOf(action: SlotAction): number {
  switch (action.kind) {
    case "disown-slots":
      return 0;
    case "claim-slots":
      return 1;
    case "close-slots":
      return action.instance === action.owner ? 2 : 5;
    case "move-slots":
      return 3;
    case "gather-keys":
      return 4;
    default:
      return action satisfies never;
  }
}

/** The same for many slots at once, in the same order of kinds: a hundred open slots of one move are one move again. Pure. */
export function merged(actions: readonly SlotAction[]): SlotAction[] {
  const bulk = new Map<string, { readonly action: Exclude<SlotAction, { kind: "gather-keys" }>; readonly slots: Set<number> }>();
  const single: SlotAction[] = [];
  for (const action of actions) {
    if (action.kind === "gather-keys") {
      single.push(action);
      continue;
    }
    const key = JSON.stringify({ ...action, slots: undefined });
    const known = bulk.get(key) ?? { action, slots: new Set<number>() };
    bulk.set(key, known);
    for (const slot of eachSlot(action.slots)) known.slots.add(slot);
  }
  const together = [...bulk.values()].map(
    ({ action, slots }): SlotAction => ({ ...action, slots: rangesWhere((slot) => slots.has(slot)) }),
  );
  return [...together, ...single].sort((a, b) => turnOf(a) - turnOf(b));
}
