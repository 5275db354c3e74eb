import type { ProbeResult } from "../../connection/connection.ts";
import type { PlacedInstance, Placement } from "../../lab/placement.ts";
import type { Status } from "../status.ts";
import { type DoctorFinding, finding } from "./finding.ts";

/** A port of an instance as seen from another host. */
export interface PortReading {
  readonly from: string;
  readonly instance: PlacedInstance;
  readonly port: number;
  readonly result: ProbeResult;
}

/** Ports that some host can't reach, one finding for each port with everyone who can't. Pure. */
export function checkPorts(readings: readonly PortReading[]): readonly DoctorFinding[] {
  const closed = new Map<string, PortReading[]>();
  for (const reading of readings) {
    if (reading.result === "open") continue;
    const key = `${reading.instance.address}:${reading.port}`;
    closed.set(key, [...(closed.get(key) ?? []), reading]);
  }
  return [...closed].map(([address, those]) => {
    const [first] = those;
    const bus = first !== undefined && first.port !== first.instance.port;
    return finding(
      "ports",
      "problem",
      first?.instance.id,
      `${address}${bus ? " (the cluster bus)" : ""} can't be reached from ${those.map(({ from, result }) => `${from} (${result})`).join(", ")}`,
      "Open it in the firewalls between these hosts.",
    );
  });
}

/** Instances that would be lost together, as they stand now: a failover may have moved what the lab declared apart. Pure. */
export function checkPlacement(placement: Placement, status: Status): readonly DoctorFinding[] {
  const host = (id: string) => id.split(":")[0];
  const masters = status.rows.filter(({ role, slotCount }) => role === "master" && (status.layout === "sentinel" || slotCount > 0));
  const byHost = groupBy(masters, (row) => row.host);
  return [
    ...status.rows
      .filter(({ role, master, instance }) => role === "replica" && host(master) === host(instance))
      .map(({ instance, master }) =>
        finding(
          "placement",
          "warning",
          instance,
          `is on the host of its master ${master}: both would be lost together`,
          `Declare it on another host, then: redis-lab up ${placement.lab.name}`,
        ),
      ),
    ...(status.layout === "cluster"
      ? [...byHost]
          .filter(([, rows]) => rows.length > 1)
          .map(([name, rows]) =>
            finding(
              "placement",
              "warning",
              name,
              `holds ${rows.length} masters (${rows.map(({ instance }) => instance).join(", ")})${rows.length * 2 >= masters.length ? ": without this host no majority is left, and the cluster stops" : ""}`,
              "Fail one of them over to its replica.",
            ),
          )
      : []),
  ];
}

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
