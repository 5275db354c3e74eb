import { defineLab, numberedHosts } from "redis-lab";

// The labs of this project: plain data. A lab is one call of defineLab; `npx redis-lab up NAME` brings it up. The README's configuration reference lists every field.

/** Three masters, three replicas on other hosts, and a spare host whose two instances run but have joined nothing. */
export const cluster = defineLab({
  name: "cluster",
  description: "Redis Cluster: 3 masters, 3 replicas, a spare host",
  // It is for trying things out, with data that can be made again: faults and drills need not ask.
  disposable: true,
  network: { cidr: "192.168.1.0/24", loopback: "127.0.1.0/24" },
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78:6379", "redis-78:6380"],
  },
});

/** One master, two replicas, and a sentinel beside each of them. */
export const sentinel = defineLab({
  name: "sentinel",
  description: "Sentinel: 1 master, 2 replicas, 3 sentinels",
  disposable: true,
  network: { cidr: "192.168.1.0/24", loopback: "127.0.2.0/24" },
  hosts: numberedHosts("192.168.1", [18, 28, 38]),
  layout: {
    kind: "sentinel",
    masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 }],
    sentinels: ["redis-18", "redis-28", "redis-38"],
  },
});
