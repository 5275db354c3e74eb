import { portsOf } from "../lab/instances.ts";
import type { PlacedInstance, Placement } from "../lab/placement.ts";
import type { HostFacts, Listener } from "./facts.ts";

/** Processes of others that keep an instance from listening: on its port or its bus port, at its address or at all addresses. */
export function foreignListenersOf(facts: HostFacts, placement: Placement, instance: PlacedInstance): readonly Listener[] {
  const ports = portsOf(placement.lab.layout, instance);
  return facts.foreignListeners.filter(({ port }) => ports.includes(port));
}

/** `port 6379 of 127.0.0.1 is taken by nginx (process 812, /usr/sbin/nginx, nginx.service).` */
export function describeListener({ address, port, pid, command, exe, uid, unit }: Listener): string {
  const who =
    pid === undefined
      ? `a process of the user with the id ${uid}, which this user may not look at`
      : `${command ?? "a process"} (${[`process ${pid}`, exe, unit].filter(Boolean).join(", ")})`;
  return `port ${port} of ${address === "0.0.0.0" || address === "::" ? "all addresses" : address} is taken by ${who}.`;
}
