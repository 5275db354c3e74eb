import { numberedHosts } from "../../../lib/lab/define-lab.ts";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";
import { testSource } from "../../support/sources.ts";
import { worldContext } from "../rig/rig.ts";

// The shipped labs on the VMs of the rig. An emulated processor is slow: 5.0.6 is compiled without optimisation, and the VM that compiles has two.

const MEMORY_MIB = 768;
/** Fits in the memory of a VM, twice for the host with two instances. */
const MAXMEMORY = "128mb";

async function onVms(): Promise<Pick<LabInput, "redis" | "libvirt">> {
  const { image, libvirtUri, pool } = worldContext();
  const { version, path, sha256, makeFlags } = await testSource("5.0.6");
  return {
    redis: {
      version,
      source: { kind: "file", path, sha256 },
      makeFlags: [...makeFlags, "OPTIMIZATION=-O0", "DEBUG="],
      settings: { maxmemory: MAXMEMORY },
    },
    libvirt: {
      hypervisors: [{ name: "local", uri: libvirtUri, pool, domainType: "qemu" }],
      image: { ...image },
      memoryMiB: MEMORY_MIB,
      diskGiB: 3,
    },
  };
}

export async function sentinelOnVms(): Promise<LabInput> {
  // Sentinels whose votes were split try again after twice the failover time-out: 6 minutes where nothing else is said.
  const monitor = { name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2, failoverTimeoutMs: 60_000 };
  return sentinelInput({
    ...(await onVms()),
    hosts: numberedHosts("192.168.1", [18, 28, 38], { 18: { vcpus: 2 } }),
    layout: { kind: "sentinel", masters: [monitor], sentinels: ["redis-18", "redis-28", "redis-38"] },
  });
}

/** @param changes what differs from the shipped lab; `redis` and `libvirt` are laid over those of the rig */
export async function clusterOnVms(changes: Partial<LabInput> = {}): Promise<LabInput> {
  const { redis, libvirt } = await onVms();
  return clusterInput({
    ...changes,
    redis: { ...redis, ...changes.redis, settings: { ...redis?.settings, ...changes.redis?.settings } },
    libvirt: { ...libvirt, ...changes.libvirt },
  });
}
