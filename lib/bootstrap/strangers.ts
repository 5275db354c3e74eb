import { portsOf } from "../lab/instances.ts";
import type { PlacedInstance, Placement } from "../lab/placement.ts";
import type { HostFacts, Listener } from "./facts.ts";

/** Processes of others that keep an instance from listening: on its port or its bus port, at its address or at all addresses. */
export function strangersOf(facts: HostFacts, placement: Placement, instance: PlacedInstance): readonly Listener[] {
  const ports = portsOf(placement.lab.layout, instance);
  return facts.strangers.filter(({ port }) => ports.includes(port));
}

/** `port 6379 is taken by nginx (process 812, /usr/sbin/nginx).` */
export function describeStranger({ address, port, pid, command, exe, uid }: Listener): string {
  const who =
    pid === undefined
      ? `a process of the user with the id ${uid}, which this user may not look at`
      : `${command ?? "a process"} (process ${pid}${exe ? `, ${exe}` : ""})`;
  return `port ${port} of ${address === "0.0.0.0" || address === "::" ? "all addresses" : address} is taken by ${who}.`;
}
