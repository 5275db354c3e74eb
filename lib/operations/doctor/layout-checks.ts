import { isLabError, whatOf } from "../../base/error.ts";
import { moment } from "../../base/text.ts";
import { layoutRow } from "../../lab/layouts.ts";
import { everywhere, labCheck, onSharedNetwork, waysCheck } from "./check.ts";
import type { PortReading } from "./ports.ts";

// What concerns the lab as a whole: who answers, who reaches whom, and how the layout stands now.

export const reachable = labCheck({
  name: "reachable",
  about: "every host can be logged in to, and every instance answers",
  appliesTo: everywhere,
  *check({ unreachable }) {
    for (const { subject, error, next } of unreachable)
      yield { severity: "problem", subject, text: whatOf(error), next: next ?? (isLabError(error) ? error.next : undefined) };
  },
});

export const ports = waysCheck({
  name: "ports",
  about: "every port of every instance, the cluster bus too, can be reached from every other host",
  appliesTo: everywhere,
  /** One finding for each port, with every host that can't reach it. */
  *check({ ports: readings, status }) {
    // Where nothing runs nobody can listen: that is no matter of the network, and `reachable` tells it.
    const down = new Set(status.rows.filter(({ state }) => state === "down").map(({ instance }) => instance));
    const closed = groupBy(
      readings.filter(({ result, instance }) => result !== "open" && !(result === "refused" && down.has(instance.id))),
      ({ instance, port }) => `${instance.address}:${port}`,
    );
    for (const [address, [first, ...others]] of closed) {
      const bus = first.port !== first.instance.port;
      yield {
        severity: "problem",
        subject: first.instance.id,
        text: `${address}${bus ? " (the cluster bus)" : ""} can't be reached from ${[first, ...others].map(fromWhere).join(", ")}`,
        next: [first, ...others].every(({ result }) => result === "refused")
          ? "Nothing listens at that address, or a firewall there rejects what comes: compare `bind` and the ports of the running server with `redis-lab plan LAB`."
          : "Open it in the firewalls between these hosts.",
      };
    }
  },
});

const fromWhere = ({ from, result }: PortReading) => `${from} (${result})`;

export const faults = labCheck({
  name: "faults",
  about: "no fault of `redis-lab fault` is left that was not undone",
  appliesTo: everywhere,
  *check({ placement: { lab }, faults: open }) {
    for (const { fault, touched, begun, until, overdue: over, unarmed, unknown } of open) {
      const left = over || unarmed.length > 0 || unknown.length > 0;
      const when =
        until === undefined
          ? "nothing ends it by itself"
          : `${over ? "it was to end" : "it ends by itself"} at ${moment(Date.parse(until))}`;
      const alone = unarmed.length > 0 && !over ? `, but nothing waits for that on ${unarmed.join(", ")}` : "";
      const silent = unknown.length === 0 ? "" : `; ${unknown.join(", ")} can't be asked`;
      yield {
        severity: left ? "problem" : "warning",
        subject: touched.length === 1 ? touched[0] : undefined,
        text: `the fault ${fault}${touched.length === 1 ? "" : ` of ${touched.join(", ")}`}, made at ${moment(Date.parse(begun))}, is not undone: ${when}${alone}${silent}`,
        next: `Undo it: redis-lab heal ${lab.name}`,
      };
    }
  },
});

export const placement = labCheck({
  name: "placement",
  about: "no host holds a master with its replica, or several masters: a failover may have moved what the lab declares apart",
  appliesTo: everywhere,
  *check({ placement: { lab }, status }) {
    for (const { role, instance, master } of status.rows) {
      if (role !== "replica" || hostOf(master) !== hostOf(instance)) continue;
      yield {
        severity: "warning",
        subject: instance,
        text: `is on the host of its master ${master}: both would be lost together`,
        next: `Declare it on another host, then: redis-lab up ${lab.name}`,
      };
    }
    if (status.layout !== "cluster") return;
    const masters = status.rows.filter(({ role, slotCount }) => role === "master" && slotCount > 0);
    for (const [host, rows] of groupBy(masters, (row) => row.host)) {
      if (rows.length === 1) continue;
      const majority = rows.length * 2 >= masters.length ? ": without this host no majority is left, and the cluster stops" : "";
      yield {
        severity: "warning",
        subject: host,
        text: `holds ${rows.length} masters (${rows.map(({ instance }) => instance).join(", ")})${majority}`,
        next: "Fail one of them over to its replica.",
      };
    }
  },
});

export const layout = labCheck({
  name: "layout",
  about: "the layout is as declared and healthy: what `status` finds",
  appliesTo: everywhere,
  *check({ status }) {
    for (const { severity, instance, text, next } of status.findings)
      yield { severity: severity === "note" ? "note" : "problem", subject: instance, text, next };
  },
});

/** People who are named; the rest is counted. */
const MOST_NAMED = 3;

export const otherUsers = labCheck({
  name: "other-users",
  about: "this computer has no accounts of other people, who all reach the ports of a lab on it",
  appliesTo: onSharedNetwork,
  *check({ placement: { lab }, people }) {
    if (people.length === 0) return;
    const more = people.length - MOST_NAMED;
    const names = `${people.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    yield {
      severity: "note",
      subject: undefined,
      text: `other people have accounts on this computer (${names}), so each of them ${layoutRow(lab.layout).exposure}`,
      next: "With people whom you do not trust, run the lab with --target netns, or on hosts or VMs of another computer, in a network of its own. Who can do what is in docs/security.md of redis-lab.",
    };
  },
});

const hostOf = (instance: string) => instance.split(":")[0];

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): ReadonlyMap<K, readonly [T, ...T[]]> {
  const groups = new Map<K, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
