// Which instances a role means at one moment. Every choice follows from the seed of the run.

/** An instance as the roles see it. `StatusRow` fits. */
export interface RoleRow {
  readonly host: string;
  /** `HOST:PORT`. */
  readonly instance: string;
  readonly role: "master" | "replica" | "standby" | "sentinel" | "unknown";
  readonly state: "up" | "down" | "silent" | "loading";
  readonly slotCount: number;
  readonly master: string;
}

/** What was chosen when the drill began; roles keep their meaning while the lab changes. */
export interface Cast {
  /** The master that the drill is about. */
  readonly master: string;
  /** Its replicas, in an order drawn from the seed. */
  readonly replicas: readonly string[];
  /** The other masters that own something. */
  readonly otherMasters: readonly string[];
  /** In an order drawn from the seed. */
  readonly sentinels: readonly string[];
  /** Everything that takes part: no standby. */
  readonly all: readonly string[];
  /** Who asked for votes last, as far as that was seen. */
  readonly elector: string | undefined;
}

interface Role {
  readonly about: string;
  readonly of: (cast: Cast) => readonly string[];
}

const majority = (count: number) => Math.floor(count / 2) + 1;

/** Roles that a step of a drill can name. */
export const ROLES = {
  master: { about: "one master, drawn from the seed", of: ({ master }) => [master] },
  "its-replica": { about: "one replica of that master", of: ({ replicas }) => replicas.slice(0, 1) },
  "its-replicas": { about: "all replicas of that master", of: ({ replicas }) => replicas },
  "another-master": { about: "a second master", of: ({ otherMasters }) => otherMasters.slice(0, 1) },
  "masters-majority": {
    about: "as many masters as are a majority, that one among them",
    of: ({ master, otherMasters }) => [master, ...otherMasters].slice(0, majority(otherMasters.length + 1)),
  },
  "all-masters": { about: "all masters", of: ({ master, otherMasters }) => [master, ...otherMasters] },
  sentinel: { about: "one sentinel", of: ({ sentinels }) => sentinels.slice(0, 1) },
  "sentinels-majority": {
    about: "as many sentinels as are a majority",
    of: ({ sentinels }) => sentinels.slice(0, majority(sentinels.length)),
  },
  elector: {
    about: "who asked for votes in the election that is under way",
    of: ({ elector }) => (elector === undefined ? [] : [elector]),
  },
  all: { about: "everything", of: ({ all }) => all },
} as const satisfies Readonly<Record<string, Role>>;
export type RoleName = keyof typeof ROLES;

/** @param random numbers in [0, 1) @returns undefined where there is no master that has a part in it */
export function castOf(rows: readonly RoleRow[], random: () => number): Cast | undefined {
  const up = rows.filter(({ state }) => state === "up");
  const replicasOf = (master: string) =>
    up.filter((row) => row.role === "replica" && row.master === master).map(({ instance }) => instance);
  const owning = rows.some(({ slotCount }) => slotCount > 0);
  const masters = up.filter(({ role, slotCount }) => role === "master" && (!owning || slotCount > 0)).map(({ instance }) => instance);
  // A master without a replica would make another drill.
  const able = masters.filter((master) => replicasOf(master).length > 0);
  const master = draw(able.length > 0 ? able : masters, random);
  if (master === undefined) return undefined;
  return {
    master,
    replicas: shuffled(replicasOf(master), random),
    otherMasters: shuffled(
      masters.filter((other) => other !== master),
      random,
    ),
    sentinels: shuffled(
      up.filter(({ role }) => role === "sentinel").map(({ instance }) => instance),
      random,
    ),
    all: rows.filter(({ role }) => role !== "standby").map(({ instance }) => instance),
    elector: undefined,
  };
}

/** Names and roles as instances and hosts. */
export function resolveTargets(targets: readonly string[], cast: Cast): readonly string[] {
  return [...new Set(targets.flatMap((target) => (Object.hasOwn(ROLES, target) ? ROLES[target as RoleName].of(cast) : [target])))];
}

function draw<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)];
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
