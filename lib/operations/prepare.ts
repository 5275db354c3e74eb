import { cacheFolder } from "../base/cache-folder.ts";
import { isLabError, type LabError } from "../base/error.ts";
import { allSettledLimited } from "../base/limit.ts";
import { expectedError } from "../base/system-error.ts";
import { type BuildGroup, planBuilds } from "../bootstrap/build.ts";
import type { HostFacts } from "../bootstrap/facts.ts";
import { observeHost } from "../bootstrap/observe.ts";
import type { HostPlan } from "../bootstrap/plan.ts";
import { planHost } from "../bootstrap/plan-host.ts";
import { wantedBuild } from "../bootstrap/runner.ts";
import { type ResolvedSource, resolveSource } from "../bootstrap/source.ts";
import { type HostWanted, wantedOf } from "../bootstrap/wanted.ts";
import { type PlacedHost, placedInstances, takesPassword } from "../lab/placement.ts";
import { productOf } from "../lab/product.ts";
import type { Lab } from "../lab/schema.ts";
import { rememberedSource } from "../project/state.ts";
import { effectiveDirectives } from "../redis/conf/conf.ts";
import { Version } from "../redis/version.ts";
import { settingsFor } from "../render/settings.ts";
import { LOOK_CONCURRENCY, type Session, withVersion } from "./session.ts";

/** One host, looked at and planned. */
export interface PreparedHost {
  readonly host: PlacedHost;
  readonly facts: HostFacts;
  readonly wanted: HostWanted;
  readonly plan: HostPlan;
}

/** A lab whose hosts were looked at: the common ground of `plan` and `up`. */
export interface Prepared {
  /** With the version that really runs. */
  readonly session: Session;
  readonly source: ResolvedSource;
  readonly hosts: ReadonlyMap<string, PreparedHost>;
  readonly builds: readonly BuildGroup[];
  /** Hosts that can't be reached or looked at, with the reason. */
  readonly failed: ReadonlyMap<string, LabError>;
}

/** Resolves the source, looks at every host and plans it. Touches nothing but this computer's cache. */
export async function prepare(before: Session): Promise<Prepared> {
  const folder = cacheFolder(process.env);
  const remembered = rememberedVersion(before);
  const resolve = once(() =>
    resolveSource(before.lab, {
      capabilities: before.placement.capabilities,
      cacheFolder: folder,
      emit: before.emit,
      previous: remembered,
      signal: before.signal,
    }),
  );
  if (remembered?.fallback === true) before.emit({ type: "notice", level: "warning", text: stillReplaced(before.lab, remembered) });
  const source = remembered ?? (await resolve());
  const versioned = withVersion(before, source.version);
  for (const text of droppedSettings(versioned)) versioned.emit({ type: "notice", level: "warning", text });
  const { facts, failed } = await observeHosts(versioned);
  versioned.signal?.throwIfAborted();
  for (const each of facts.values()) adoptPasswords(versioned, each);
  const builds = await planBuilds([...facts.values()], versioned.placement, source, folder);
  const openSentinels = knowNoPassword(versioned, facts, (host) => wantedBuild(host, builds, source.version)?.key);
  const session = openSentinels ? { ...versioned, placement: { ...versioned.placement, openSentinels } } : versioned;
  // The tarball itself is had only where something is compiled: a run without changes looks at no network.
  const full = builds.some(({ builder }) => builder !== undefined) ? await resolve() : { ...source, tarball: "" };
  const hosts = new Map<string, PreparedHost>();
  for (const host of session.placement.hosts) {
    const seen = facts.get(host.name);
    if (seen === undefined) continue;
    const build = wantedBuild(host.name, builds, source.version);
    try {
      const wanted = wantedOf(session.placement, host, seen, session.secrets, build);
      const plan = planHost(seen, { placement: session.placement, host, secrets: session.secrets, build });
      hosts.set(host.name, { host, facts: seen, wanted, plan });
    } catch (error) {
      if (!isLabError(error)) throw error;
      failed.set(host.name, error);
    }
  }
  const inOrder = session.placement.hosts.flatMap(({ name }) => [...failed].filter(([host]) => host === name));
  return { session, source: full, hosts, builds, failed: new Map(inOrder) };
}

/** Some instance ran when the hosts were looked at. */
export function somethingRan({ hosts }: Pick<Prepared, "hosts">): boolean {
  return [...hosts.values()].some(({ facts }) => [...facts.instances.values()].some(({ process }) => process !== undefined));
}

async function observeHosts(
  session: Session,
): Promise<{ readonly facts: ReadonlyMap<string, HostFacts>; readonly failed: Map<string, LabError> }> {
  const reached = session.placement.hosts.filter(({ name }) => session.connections.has(name));
  const looks = await allSettledLimited(reached, LOOK_CONCURRENCY, (host) => {
    const connection = session.connections.get(host.name);
    return connection === undefined
      ? Promise.reject(new Error(`${host.name} is not connected`))
      : observeHost(connection, session.placement, host);
  });
  const facts = new Map<string, HostFacts>();
  const failed = new Map(session.unreachable);
  for (const [index, look] of looks.entries()) {
    const name = reached[index]?.name ?? "";
    if (look.status === "fulfilled") facts.set(name, look.value);
    else failed.set(name, expectedError(look.reason));
  }
  return { facts, failed };
}

/** The passwords in the running configurations open instances that still have an older one than the lab remembers. */
function adoptPasswords(session: Session, facts: HostFacts): void {
  const host = session.placement.hosts.find(({ name }) => name === facts.host);
  for (const { id, configFile } of host?.instances ?? []) {
    const text = facts.files.get(configFile);
    const password = text !== undefined ? effectiveDirectives(text).get("requirepass")?.at(-1)?.[0] : undefined;
    if (password !== undefined && password !== "") session.access.addPassword(id, password);
  }
}

/** Whether a sentinel runs that has no password and may know none, as it is of another build: one that has a password and one that gives none can't speak to each other. */
function knowNoPassword(
  { placement }: Session,
  facts: ReadonlyMap<string, HostFacts>,
  keyOf: (host: string) => string | undefined,
): boolean {
  return placement.hosts.some(({ name, instances }) =>
    instances.some(({ id, kind, configFile }) => {
      const seen = facts.get(name);
      const fact = seen?.instances.get(id);
      if (kind !== "sentinel" || !takesPassword(placement, kind) || fact?.process === undefined) return false;
      return fact.buildKey !== keyOf(name)?.slice(0, 16) && !effectiveDirectives(seen?.files.get(configFile) ?? "").has("requirepass");
    }),
  );
}

/** The source that an earlier run resolved for what the lab declares now. */
function rememberedVersion({ state, lab }: Session): Omit<ResolvedSource, "tarball"> | undefined {
  const found = rememberedSource(state, lab);
  return found && { ...found, version: Version.of(productOf(lab), found.version) };
}

/** The first run reports it where the source is resolved; later ones have to report it too. */
function stillReplaced(lab: Lab, { version, origin }: Pick<Prepared["source"], "version" | "origin">): string {
  return `${version.title} runs, not the declared ${lab.redis.version}: its source is ${origin}, since neither release site nor mirrors answered. To try them again: redis-lab down ${lab.name} --purge, then up.`;
}

/** Settings that the declared version knows and the one that runs does not. */
function droppedSettings({ lab, placement }: Session): readonly string[] {
  return placedInstances(placement).flatMap(({ id, settings }) =>
    settingsFor(placement.version, settings).unknown.map(
      (name) => `${id} runs without ${name}: ${placement.version.title} does not know it, the declared ${lab.redis.version} does.`,
    ),
  );
}

/** The source is had at most once in a run, and not at all where nothing is compiled. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
