import { defineLab, numberedHosts } from "redis-lab";

/** Six instances on loopback addresses of this computer: no root, no VM. */
export const cluster = defineLab({
  name: "cluster",
  network: { cidr: "10.30.0.0/24", loopback: "127.0.30.0/24" },
  hosts: numberedHosts("10.30.0", [11, 12, 13, 14, 15, 16]),
  layout: {
    kind: "cluster",
    masters: ["redis-11", "redis-12", "redis-13"],
    replicas: { "redis-14": "redis-11", "redis-15": "redis-12", "redis-16": "redis-13" },
    // A failover within some five seconds; the default of 15 s suits networks that now and then stall.
    nodeTimeoutMs: 5000,
  },
  redis: { settings: { maxmemory: "256mb", "maxmemory-policy": "allkeys-lru" } },
});
