import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";

/** The shipped `cluster` lab as an input, to be changed by a test. */
export function clusterInput(changes: Partial<LabInput> = {}): LabInput {
  return {
    name: "cluster",
    network: { cidr: "192.168.1.0/24", loopback: "127.0.1.0/24" },
    hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
      standby: ["redis-78:6379", "redis-78:6380"],
    },
    ...changes,
  };
}

/** The shipped `sentinel` lab as an input, to be changed by a test. */
export function sentinelInput(changes: Partial<LabInput> = {}): LabInput {
  return {
    name: "sentinel",
    network: { cidr: "192.168.1.0/24", loopback: "127.0.2.0/24" },
    hosts: numberedHosts("192.168.1", [18, 28, 38]),
    layout: {
      kind: "sentinel",
      masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 }],
      sentinels: ["redis-18", "redis-28", "redis-38"],
    },
    ...changes,
  };
}
