import type { FinalInstance, FinalState } from "../history.ts";
import type { Judged } from "../verdict/judged.ts";
import type { HistoryCheck } from "./row.ts";

// What the lab is once it is said to be healthy again. The instances themselves are asked, and what `status` says is not believed.

const SLOTS = 16_384;

function state(name: string, about: string, find: (state: FinalState, judged: Judged) => readonly string[]): HistoryCheck {
  return { name, about, needs: ["state"], check: (judged) => (judged.state === undefined ? [] : find(judged.state, judged)) };
}

const servers = ({ instances }: FinalState) => instances.filter(({ role }) => role === "master" || role === "replica");
const mastersOf = (all: FinalState) => servers(all).filter(({ role, state: how }) => role === "master" && how === "up");

export const STATE_CHECKS: readonly HistoryCheck[] = [
  state("healthy", "status finds no problem", ({ healthy, problems }) =>
    healthy ? [] : problems.length === 0 ? ["status says that it is not healthy"] : problems,
  ),
  state("answering", "every instance answers", ({ instances }) =>
    instances.filter(({ state: how }) => how !== "up").map(({ instance, state: how }) => `${instance} is ${how}`),
  ),
  state("one-master", "each shard has one master", (all, { header }) => {
    const masters = mastersOf(all);
    if (header.layout === "cluster") return sharedSlots(masters);
    const roots = new Set(
      servers(all)
        .filter(({ role }) => role === "replica")
        .map(({ master }) => master),
    );
    const shards = Math.max(1, new Set(header.writers.map(({ shard }) => shard)).size);
    return masters.length === shards
      ? []
      : [
          `${masters.length === 0 ? "there is no master" : masters.map(({ instance }) => instance).join(" and ")} for ${shards === 1 ? "one shard" : `${shards} shards`}${masters.length > shards ? `, replicas follow ${[...roots].join(", ") || "none"}` : ""}`,
        ];
  }),
  state("slots", "every slot of a cluster has an owner", (all, { header }) => {
    if (header.layout !== "cluster") return [];
    const owned = mastersOf(all).reduce((sum, { slots }) => sum + countSlots(slots), 0);
    return owned === SLOTS ? [] : [`${owned} of ${SLOTS} slots are owned by masters that answer`];
  }),
  state("epochs", "config epochs of masters are unique, and none went back", (all, { events }) => {
    const masters = mastersOf(all).filter(({ epoch, slots }) => epoch !== undefined && slots !== "");
    const twice = masters.filter(({ epoch }, index) => masters.findIndex((other) => other.epoch === epoch) !== index);
    const highest = new Map<string, number>();
    const back: string[] = [];
    for (const { what, node = "", about, value } of events) {
      if (what !== "epoch" || value === undefined) continue;
      const whose = `${node} sees ${about ?? "the cluster"}`;
      const before = highest.get(whose) ?? 0;
      if (value < before) back.push(`${whose} at epoch ${value} after ${before}`);
      highest.set(whose, Math.max(before, value));
    }
    return [...twice.map(({ instance, epoch }) => `${instance} has the epoch ${epoch} of another master`), ...back.slice(0, 5)];
  }),
  state("agreed", "all instances tell the same of the layout", ({ instances }) => {
    const views = new Map<string, string[]>();
    for (const { instance, view } of instances) if (view !== undefined) views.set(view, [...(views.get(view) ?? []), instance]);
    return views.size <= 1 ? [] : [`${[...views.values()].map((who) => who.join(", ")).join(" tell other than ")}`];
  }),
  state("replicas", "every replica follows a master that answers, and is in step", (all) => {
    const masters = new Set(mastersOf(all).map(({ instance }) => instance));
    return servers(all)
      .filter(({ role }) => role === "replica")
      .flatMap(({ instance, master, link, lagBytes = 0 }) => {
        if (!masters.has(master)) return [`${instance} follows ${master === "" ? "no master" : master}, which is no master that answers`];
        if (link !== "up") return [`${instance} has no link to ${master}`];
        return lagBytes > LAG_BYTES ? [`${instance} is ${lagBytes} bytes behind ${master}`] : [];
      });
  }),
  state("files", "each instance would start in the role that it has", (all) => servers(all).flatMap(fileFaults)),
  state("faults-left", "no fault is left", ({ faultsLeft }) => faultsLeft),
];

/** A replica that applies a running load is some commands behind at any moment. */
const LAG_BYTES = 1_000_000;

function fileFaults({ instance, role, master, fileRole, fileMaster }: FinalInstance): readonly string[] {
  if (fileRole === undefined) return [];
  if (fileRole !== role) return [`${instance} is a ${role}, and would start as a ${fileRole}`];
  return role === "replica" && fileMaster !== undefined && fileMaster !== master
    ? [`${instance} follows ${master}, and would start as a replica of ${fileMaster}`]
    : [];
}

function sharedSlots(masters: readonly FinalInstance[]): readonly string[] {
  const owners = new Map<number, string>();
  for (const { instance, slots } of masters) {
    for (const { first, last } of rangesOf(slots)) {
      for (let slot = first; slot <= last; slot += 1) {
        const other = owners.get(slot);
        if (other !== undefined) return [`${other} and ${instance} both own slot ${slot}`];
        owners.set(slot, instance);
      }
    }
  }
  return [];
}

function countSlots(slots: string): number {
  return rangesOf(slots).reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** `0-5460,7000`; what is no range counts for nothing. */
function rangesOf(slots: string): readonly { readonly first: number; readonly last: number }[] {
  return slots.split(",").flatMap((part) => {
    const { first, last = first } = /^(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?$/.exec(part.trim())?.groups ?? {};
    return first === undefined || Number(last) >= SLOTS ? [] : [{ first: Number(first), last: Number(last) }];
  });
}
