import { didYouMean } from "../base/nearest.ts";
import type { Lab } from "../lab/schema.ts";
import { nobodyHas, unknownTarget } from "./errors.ts";

/** An instance as it was seen a moment ago; a row of `status` fits. */
export interface SeenInstance {
  readonly instance: string;
  readonly host: string;
  readonly role: "master" | "replica" | "standby" | "sentinel" | "unknown";
  readonly state: "up" | "down" | "silent" | "loading";
  /** Slot ranges of a cluster master, for example `0-5460 9000`. */
  readonly slots: string;
  readonly slotCount: number;
  /** Instance id of the master of a replica; of a sentinel `NAME: INSTANCE` for each master that it watches. */
  readonly master: string;
}

/** What roles are found from. */
export interface SeenLab {
  readonly lab: Pick<Lab, "layout" | "hosts">;
  readonly instances: readonly SeenInstance[];
  /** The sentinel that the others voted for last; undefined where none was voted for or nobody was asked. */
  readonly lastLeader?: string | undefined;
}

/** What a word of the command line stands for: instances or whole hosts, by name. */
export type Resolved =
  | { readonly kind: "instances"; readonly instances: readonly string[] }
  | { readonly kind: "hosts"; readonly hosts: readonly string[] };

interface Role {
  /** As it is typed. */
  readonly form: string;
  readonly pattern: RegExp;
  readonly about: string;
  /** @param word what stood behind the role's name */
  readonly find: (seen: SeenLab, word: string, target: string) => Resolved;
}

const instances = (found: readonly Pick<SeenInstance, "instance">[]): Resolved => ({
  kind: "instances",
  instances: found.map(({ instance }) => instance),
});

/** A master that serves: one with slots in a cluster, one that is followed or alone elsewhere. */
function mastersOf({ lab, instances: rows }: SeenLab): readonly SeenInstance[] {
  const masters = rows.filter(({ role, state }) => role === "master" && state !== "down");
  return lab.layout.kind === "cluster" ? masters.filter(({ slotCount }) => slotCount > 0) : masters;
}

function owns(slots: string, slot: number): boolean {
  return slots.split(/[\s,]+/).some((range) => {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    return slot >= first && slot <= last;
  });
}

/** `NAME: INSTANCE` of what the sentinels say, by most of them. */
function watchedAs(rows: readonly SeenInstance[], name: string): string | undefined {
  const said = rows
    .filter(({ role }) => role === "sentinel")
    .flatMap(({ master }) => master.split(", "))
    .flatMap((text) => (text.startsWith(`${name}: `) ? [text.slice(name.length + 2)] : []));
  const count = (each: string) => said.filter((other) => other === each).length;
  return [...new Set(said)].sort((a, b) => count(b) - count(a))[0];
}

/** Fewer than half, so that the rest goes on. */
const fewerThanHalf = (count: number) => Math.floor((count - 1) / 2);

const ROLES: readonly Role[] = [
  {
    form: "master-of:slot:N",
    pattern: /^master-of:slot:(\d+)$/,
    about: "the master of a slot",
    find: (seen, word, target) => {
      const slot = Number(word);
      if (slot > 16383) throw unknownTarget(target, "slots go from 0 to 16383", "Give one of them.");
      const found = mastersOf(seen).filter(({ slots }) => owns(slots, slot));
      if (found.length === 0) throw nobodyHas(target, "no living master has that slot");
      return instances(found.slice(0, 1));
    },
  },
  {
    form: "master-of:NAME",
    pattern: /^master-of:([A-Za-z0-9._-]+)$/,
    about: "the master that the sentinels watch under a name",
    find: ({ lab, instances: rows }, name, target) => {
      const names = lab.layout.kind === "sentinel" ? lab.layout.masters.map((watched) => watched.name) : [];
      if (!names.includes(name))
        throw unknownTarget(
          target,
          `no master is watched as "${name}"${didYouMean(name, names)}`,
          names.length === 0 ? "That is for labs with sentinels." : `Those are: ${names.join(", ")}.`,
        );
      const id = watchedAs(rows, name);
      const found = rows.filter(({ instance }) => instance === id);
      if (found.length === 0) throw nobodyHas(target, "no sentinel that answers names an instance of the lab");
      return instances(found);
    },
  },
  {
    form: "master",
    pattern: /^master$/,
    about: "the only master",
    find: (seen, _word, target) => {
      const found = mastersOf(seen);
      if (found.length !== 1)
        throw nobodyHas(
          target,
          found.length === 0 ? "no master answers" : `there are ${found.length}: ${found.map(({ instance }) => instance).join(", ")}`,
        );
      return instances(found);
    },
  },
  {
    form: "replica-of:INSTANCE",
    pattern: /^replica-of:(\S+)$/,
    about: "a replica of an instance: the first one that runs",
    find: ({ instances: rows }, word, target) => {
      const master = rows.find(({ instance, host }) => instance === word || host === word);
      if (master === undefined) throw unknownTarget(target, `the lab has no ${word}`, "Name a host or an instance: replica-of:redis-18.");
      const found = rows.filter(
        ({ role, state, master: of }) => role === "replica" && state === "up" && (of === word || of.split(":")[0] === word),
      );
      if (found.length === 0) throw nobodyHas(target, "no replica of it runs");
      return instances(found.slice(0, 1));
    },
  },
  {
    form: "sentinel-leader",
    pattern: /^sentinel-leader$/,
    about: "the sentinel that led the last failover; where there was none, the first one",
    find: ({ instances: rows, lastLeader }, _word, target) => {
      const sentinels = rows.filter(({ role, state }) => role === "sentinel" && state === "up");
      const found = sentinels.find(({ instance }) => instance === lastLeader) ?? sentinels[0];
      if (found === undefined) throw nobodyHas(target, "no sentinel answers");
      return instances([found]);
    },
  },
  {
    form: "minority",
    pattern: /^minority$/,
    about: "hosts with fewer than half of those that vote, a master among them: masters of a cluster, else sentinels",
    find: (seen, _word, target) => {
      const { instances: rows } = seen;
      const masters = mastersOf(seen);
      const sentinels = rows.filter(({ role, state }) => role === "sentinel" && state === "up");
      const voters = seen.lab.layout.kind === "cluster" ? masters : sentinels;
      const hosts = [...new Set(voters.map(({ host }) => host))];
      const votes = (names: readonly string[]) => voters.filter(({ host }) => names.includes(host)).length;
      const first = masters.map(({ host }) => host).find((host) => hosts.includes(host)) ?? hosts[0];
      const chosen: string[] = [];
      for (const host of first === undefined ? [] : [first, ...hosts.filter((each) => each !== first)])
        if (votes([...chosen, host]) <= fewerThanHalf(voters.length)) chosen.push(host);
      if (chosen.length === 0)
        throw nobodyHas(target, `${voters.length} of those that vote answer, on ${hosts.length} hosts: no host of them is a minority`);
      return { kind: "hosts", hosts: chosen };
    },
  },
  {
    form: "all-masters",
    pattern: /^all-masters$/,
    about: "every master",
    find: (seen, _word, target) => {
      const found = mastersOf(seen);
      if (found.length === 0) throw nobodyHas(target, "no master answers");
      return instances(found);
    },
  },
  {
    form: "all-sentinels",
    pattern: /^all-sentinels$/,
    about: "every sentinel",
    find: ({ instances: rows }, _word, target) => {
      const found = rows.filter(({ role }) => role === "sentinel");
      if (found.length === 0) throw nobodyHas(target, "the lab has no sentinels");
      return instances(found);
    },
  },
  {
    form: "host-with-two-masters",
    pattern: /^host-with-two-masters$/,
    about: "a host on which two masters are, as failovers may leave it",
    find: (seen, _word, target) => {
      const masters = mastersOf(seen);
      const host = masters.map((each) => each.host).find((name) => masters.filter((other) => other.host === name).length > 1);
      if (host === undefined) throw nobodyHas(target, "no host has two masters at this moment");
      return { kind: "hosts", hosts: [host] };
    },
  },
];

/** For `--help`: each form with what it means. */
export const TARGET_FORMS: readonly { readonly form: string; readonly about: string }[] = ROLES.map(({ form, about }) => ({ form, about }));

/** Whether a word is a role, which has to be looked for; else it is a name. */
export function isRole(word: string): boolean {
  return ROLES.some(({ pattern }) => pattern.test(word));
}

/** What one word stands for at this moment. @throws LabError `fault.unknown-target`, `fault.no-such-role-now` */
export function resolveTarget(word: string, seen: SeenLab): Resolved {
  for (const { pattern, find } of ROLES) {
    const match = pattern.exec(word);
    if (match !== null) return find(seen, match[1] ?? "", word);
  }
  const rows = seen.instances;
  if (rows.some(({ instance }) => instance === word)) return { kind: "instances", instances: [word] };
  if (seen.lab.hosts.some(({ name }) => name === word)) return { kind: "hosts", hosts: [word] };
  const [host = ""] = word.split(":");
  const own = rows.filter((row) => row.host === host).map(({ instance }) => instance);
  const names = seen.lab.hosts.map(({ name }) => name);
  throw unknownTarget(
    word,
    `the lab has no host, instance or role of that name${didYouMean(word, [...names, ...rows.map(({ instance }) => instance), ...ROLES.map(({ form }) => form)])}`,
    own.length > 0
      ? `Instances of ${host}: ${own.join(", ")}.`
      : `Hosts: ${names.join(", ")}. Roles: ${ROLES.map(({ form }) => form).join(", ")}.`,
  );
}
