import { allOf } from "../base/list.ts";
import { memoryBytes } from "../redis/memory-units.ts";
import { checkSettings } from "./check-settings.ts";
import type { LabFault } from "./errors.ts";
import { isInside } from "./ipv4.ts";
import { duplicates, fault } from "./layouts/references.ts";
import { layoutRow } from "./layouts.ts";
import type { Host, Lab, SettingValue } from "./schema.ts";

/** Everything about a lab that a schema of single fields can't see. Returns all faults, in the order of the definition. Pure. */
export function checkLab(lab: Lab): readonly LabFault[] {
  return [...checkHosts(lab), ...layoutRow(lab.layout).faults(lab), ...checkPorts(lab), ...checkSettings(lab), ...checkMemory(lab)];
}

function checkHosts(lab: Lab): LabFault[] {
  const lastNumber = (address: string) => address.split(".")[3] ?? "";
  return [
    ...duplicates(lab.hosts.map(({ name }) => name)).map((name) =>
      fault("lab.duplicate-name", "hosts", `two hosts are named "${name}"; a name is the host's identity everywhere`),
    ),
    ...duplicates(lab.hosts.map(({ address }) => address)).map((address) =>
      fault("lab.duplicate-address", "hosts", `${namesAt(lab, address)} have the address ${address}`),
    ),
    ...duplicates([...new Set(lab.hosts.map(({ address }) => address))].map(lastNumber)).map((number) =>
      fault(
        "lab.duplicate-loopback",
        "hosts",
        `two hosts end in .${number}, so they would share ${lab.network.loopback.replace(/0\/24$/, number)} on this computer`,
      ),
    ),
    ...lab.hosts.flatMap(({ address }, index) =>
      isInside(address, lab.network.cidr)
        ? []
        : [fault("lab.address-outside-network", `hosts[${index}].address`, `${address} is not a host address of ${lab.network.cidr}`)],
    ),
  ];
}

function namesAt({ hosts }: Lab, address: string): string {
  return allOf(hosts.filter((host) => host.address === address).map(({ name }) => name));
}

function checkPorts(lab: Lab): LabFault[] {
  const row = layoutRow(lab.layout);
  const sentinels = row.sentinels(lab);
  return lab.hosts.flatMap(({ name, instances }, index) => {
    const ports = [
      ...instances.flatMap(({ port }) => row.ports(port)),
      ...sentinels.filter((sentinel) => sentinel.startsWith(`${name}:`)).map((sentinel) => Number(sentinel.split(":")[1])),
    ];
    return duplicates(ports.map(String)).map((port) =>
      fault("lab.duplicate-port", `hosts[${index}].instances`, `port ${port} of ${name} is used twice${row.portHint}`),
    );
  });
}

function checkMemory(lab: Lab): LabFault[] {
  return lab.hosts.flatMap((host, index) => memoryFaults(lab, host, host.memoryMiB, `hosts[${index}].memoryMiB`));
}

/** The fault of a host whose memory is less than its instances may take; none where its memory is not known. */
export function memoryFaults(lab: Lab, host: Host, memoryMiB: number | undefined, at: string): LabFault[] {
  const bytes = host.instances
    .map(({ settings }) => maxmemoryBytes({ ...lab.redis.settings, ...settings }["maxmemory"]))
    .reduce((sum, each) => sum + each, 0);
  if (memoryMiB === undefined || bytes <= memoryMiB * 1024 * 1024) return [];
  const text = `maxmemory of its instances adds up to ${Math.ceil(bytes / 1024 / 1024)} MiB, ${host.name} has ${memoryMiB} MiB`;
  return [fault("lab.maxmemory-too-large", at, text)];
}

/** maxmemory where a lab does not set it, in bytes. */
export const DEFAULT_MAXMEMORY = 1_024_000_000;

/** In bytes; 0 for what is not an amount. */
export function maxmemoryBytes(value: SettingValue | undefined): number {
  if (value === undefined) return DEFAULT_MAXMEMORY;
  return memoryBytes(String(value)) ?? 0;
}
