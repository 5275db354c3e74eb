import { sh } from "../connection/quote.ts";
import { noClient, unknownTarget, wrongCount } from "../fault/errors.ts";
import type { FaultRow } from "../fault/row.ts";
import { isRole, type Resolved, resolveTarget, type SeenInstance, type SeenLab } from "../fault/targets.ts";
import { type PlacedHost, placedInstances } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import { findHost } from "./find.ts";
import type { Session } from "./session.ts";
import { readStatus } from "./status.ts";

/** Whom a fault meets. */
export interface Sides {
  readonly touched: readonly {
    readonly host: PlacedHost;
    /** Ids of the instances that are met. @default all of the host */
    readonly only: readonly string[] | undefined;
  }[];
  /** The second side of a partition; all hosts of the lab where there is none. */
  readonly others: readonly PlacedHost[];
  /** The lab's clients are named: they belong to `others`, as no host of theirs takes rules. */
  readonly client: boolean;
  /** `others` was named first. */
  readonly reversed: boolean;
}

/** The side of a partition that has the lab's clients. */
const CLIENT = "client";

/** The words of one side: several words, or one with commas. */
const wordsOf = (targets: readonly string[]) => targets.flatMap((each) => each.split(",")).filter((word) => word !== "");

/** The hosts that have to be reached for these targets; undefined for all, where a role has to be looked for. */
export function hostsNamed(targets: readonly string[]): readonly string[] | undefined {
  const words = wordsOf(targets);
  return words.some(isRole) ? undefined : [...new Set(words.map((word) => word.split(":")[0] ?? ""))];
}

/** @param hasClients whether the target gives the lab's clients an address @throws LabError `fault.unknown-target`, `fault.no-such-role-now`, `fault.wrong-targets`, `fault.no-client` */
export async function resolveSides(
  session: Session,
  fault: string,
  row: FaultRow,
  targets: readonly string[],
  hasClients: boolean,
): Promise<Sides> {
  const { placement } = session;
  const isClient = (word: string) => row.of === "sides" && word === CLIENT && placement.hosts.every(({ name }) => name !== CLIENT);
  const given = row.of === "sides" ? targets.map((target) => wordsOf([target])) : [wordsOf(targets)];
  const clientAt = given.findIndex((words) => words.some(isClient));
  const client = clientAt >= 0;
  if (client && !hasClients) throw noClient();
  const [first = [], second, ...more] = given.map((words) => words.filter((word) => !isClient(word)));
  if ((given[0] ?? []).length === 0) throw wrongCount(fault, "a target", 0);
  if (more.length > 0) throw wrongCount(fault, "one side or two, each a list with commas", targets.length);
  if (given.every((words) => words.some(isClient)) && given.length > 1) throw onBothSides(CLIENT);
  const seen = await seenLab(session, [...first, ...(second ?? [])]);
  const resolve = (words: readonly string[]) => words.map((word) => ({ word, resolved: resolveTarget(word, seen) }));
  const sides = [first, second].map((words) => words && new Set(resolve(words).flatMap(({ resolved }) => hostsOf(resolved))));
  const [ofFirst = new Set<string>(), ofSecond] = sides;
  if (row.of !== "sides") return { touched: touchedBy(session, row, resolve(first)), others: placement.hosts, client, reversed: false };
  const rest = placement.hosts.filter(({ name }) => (ofSecond === undefined ? !ofFirst.has(name) : ofSecond.has(name)));
  if (rest.length === 0 && clientAt !== 1)
    throw unknownTarget(targets.join(" "), "it is the whole lab, so that there is no other side", "Name fewer hosts.");
  const both = rest.find(({ name }) => ofFirst.has(name));
  if (both !== undefined) throw onBothSides(both.name);
  // The hosts of one side still reach each other. The clients have no host that takes rules: those of the other side do.
  const reversed = clientAt === 0;
  const hosts = placement.hosts.filter(({ name }) => ofFirst.has(name));
  const [ours, theirs] = reversed ? [rest, hosts] : [hosts, rest];
  return { touched: ours.map((host) => ({ host, only: undefined })), others: theirs, client, reversed };
}

const onBothSides = (name: string) => unknownTarget(name, "it is on both sides", "Name it on one of them.");

const hostOf = (instance: string) => instance.split(":")[0] ?? "";

function hostsOf(resolved: Resolved): readonly string[] {
  return resolved.kind === "hosts" ? resolved.hosts : resolved.instances.map(hostOf);
}

function touchedBy(
  { placement }: Session,
  row: FaultRow,
  given: readonly { readonly word: string; readonly resolved: Resolved }[],
): Sides["touched"] {
  const names = [...new Set(given.flatMap(({ resolved }) => hostsOf(resolved)))];
  if (row.of !== "instances") return names.map((name) => ({ host: findHost(placement, name), only: undefined }));
  const touched = names.map((name) => {
    const host = findHost(placement, name);
    const whole = given.some(({ resolved }) => resolved.kind === "hosts" && resolved.hosts.includes(name));
    const named = new Set(given.flatMap(({ resolved }) => (resolved.kind === "instances" ? resolved.instances : [])));
    const only = host.instances
      .filter(({ id, kind }) => (whole || named.has(id)) && (row.dataOnly !== true || PROGRAMS[kind].takesSettings))
      .map(({ id }) => id);
    return { host, only };
  });
  const met = touched.filter(({ only }) => only.length > 0);
  if (met.length === 0)
    throw unknownTarget(given.map(({ word }) => word).join(" "), "it has no instance with data", "Name a redis-server.");
  return met;
}

/** What is known without a look where only names were typed; else what the layout says of itself at this moment. */
async function seenLab(session: Session, words: readonly string[]): Promise<SeenLab> {
  const { lab, placement } = session;
  if (!words.some(isRole)) {
    const instances = placedInstances(placement).map(
      ({ id, host }): SeenInstance => ({ instance: id, host, role: "unknown", state: "up", slots: "", slotCount: 0, master: "" }),
    );
    return { lab, instances };
  }
  const { rows } = await readStatus(session);
  const lastLeader = words.includes("sentinel-leader") ? await lastElected(session) : undefined;
  return { lab, instances: rows, lastLeader };
}

const ELECTED = /(\d{1,2} [A-Z][a-z]{2} (?:\d{4} )?\d\d:\d\d:\d\d\.\d{3}) \S \+elected-leader /;

/** The sentinel whose log tells last of having been elected. Nobody else remembers: a vote is forgotten after five seconds (sentinelAskMasterStateToOtherSentinels in sentinel.c of 4.0.14). */
async function lastElected({ placement, connections }: Session): Promise<string | undefined> {
  const sentinels = placedInstances(placement).filter(({ kind }) => kind === "sentinel");
  const found = await Promise.all(
    sentinels.map(async ({ id, host, logFile }) => {
      const result = await connections
        .get(host)
        ?.run(sh`grep -a ' +elected-leader ' ${logFile} | tail -n 1`, { title: "read the log", root: true, look: true })
        .catch(() => undefined);
      const at = Date.parse(ELECTED.exec(result?.stdout ?? "")?.[1] ?? "");
      return { id, at };
    }),
  );
  return found.filter(({ at }) => !Number.isNaN(at)).sort((a, b) => b.at - a.at)[0]?.id;
}
