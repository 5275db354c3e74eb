import { sh } from "../connection/quote.ts";
import { unknownTarget, wrongCount } from "../fault/errors.ts";
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
}

/** The words of one side: several words, or one with commas. */
const wordsOf = (targets: readonly string[]) => targets.flatMap((each) => each.split(",")).filter((word) => word !== "");

/** The hosts that have to be reached for these targets; undefined for all, where a role has to be looked for. */
export function hostsNamed(targets: readonly string[]): readonly string[] | undefined {
  const words = wordsOf(targets);
  return words.some(isRole) ? undefined : [...new Set(words.map((word) => word.split(":")[0] ?? ""))];
}

/** @throws LabError `fault.unknown-target`, `fault.no-such-role-now`, `fault.wrong-targets` */
export async function resolveSides(session: Session, fault: string, row: FaultRow, targets: readonly string[]): Promise<Sides> {
  const { placement } = session;
  const [first = [], second, ...more] = row.of === "sides" ? targets.map((target) => wordsOf([target])) : [wordsOf(targets)];
  if (first.length === 0) throw wrongCount(fault, "a target", 0);
  if (more.length > 0) throw wrongCount(fault, "one side or two, each a list with commas", targets.length);
  const seen = await seenLab(session, [...first, ...(second ?? [])]);
  const touched = touchedBy(
    session,
    row,
    first.map((word) => ({ word, resolved: resolveTarget(word, seen) })),
  );
  const hosts = (words: readonly string[]) => {
    const names = new Set(words.flatMap((word) => hostsOf(resolveTarget(word, seen))));
    return placement.hosts.filter(({ name }) => names.has(name));
  };
  const names = new Set(touched.map(({ host }) => host.name));
  if (second === undefined) {
    // The hosts of one side still reach each other; one that is isolated reaches nobody.
    const others = row.of === "sides" ? placement.hosts.filter(({ name }) => !names.has(name)) : placement.hosts;
    if (row.of === "sides" && others.length === 0)
      throw unknownTarget(targets.join(" "), "it is the whole lab, so that there is no other side", "Name fewer hosts.");
    return { touched, others };
  }
  const others = hosts(second);
  const both = others.find(({ name }) => names.has(name));
  if (both !== undefined) throw unknownTarget(both.name, "it is on both sides", "Name it on one of them.");
  return { touched, others };
}

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
  const told = await Promise.all(
    sentinels.map(async ({ id, host, logFile }) => {
      const result = await connections
        .get(host)
        ?.run(sh`grep -a ' +elected-leader ' ${logFile} | tail -n 1`, { title: "read the log", root: true, look: true })
        .catch(() => undefined);
      const at = Date.parse(ELECTED.exec(result?.stdout ?? "")?.[1] ?? "");
      return { id, at };
    }),
  );
  return told.filter(({ at }) => !Number.isNaN(at)).sort((a, b) => b.at - a.at)[0]?.id;
}
