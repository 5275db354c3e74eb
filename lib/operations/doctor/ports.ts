import { allSettledLimited } from "../../base/limit.ts";
import type { ProbeResult } from "../../connection/connection.ts";
import { portsOf } from "../../lab/instances.ts";
import { type PlacedInstance, placedInstances } from "../../lab/placement.ts";
import type { Session } from "../session.ts";
import { expected } from "./expected.ts";

/** A port of an instance as seen from another host. */
export interface PortReading {
  readonly from: string;
  readonly instance: PlacedInstance;
  readonly port: number;
  readonly result: ProbeResult;
}

/** How many ports are tried at the same time: each takes a descriptor of this computer, and 60 hosts have some 7,000 pairs. */
const PROBES_AT_ONCE = 64;

/**
 * Tries every instance's ports from every host.
 *
 * @throws LabError `connection.open-files` where this computer has no descriptor left: that says nothing of a port
 */
export async function readPorts({
  connections,
  placement,
  lab,
}: Pick<Session, "connections" | "placement" | "lab">): Promise<readonly PortReading[]> {
  const ports = placedInstances(placement)
    .filter(({ host }) => connections.has(host))
    .flatMap((instance) => portsOf(lab.layout, instance).map((port) => ({ instance, port })));
  const pairs = [...connections].flatMap(([from, connection]) =>
    ports.filter(({ instance }) => instance.host !== from).map((to) => ({ from, connection, ...to })),
  );
  const readings = await allSettledLimited(pairs, PROBES_AT_ONCE, async ({ from, connection, instance, port }) => {
    const result = await connection.probe(instance.address, port).catch((error: unknown) => {
      expected(error);
      return "unreachable" as const;
    });
    return { from, instance, port, result };
  });
  return readings.map((reading) => {
    if (reading.status === "rejected") throw reading.reason;
    return reading.value;
  });
}
