import { defineLab, numberedHosts } from "redis-lab";

// The labs of this project: plain data. Every lab that is exported here is known to `npx redis-lab` and is a stack of `npx cdktf`, both by its name.
// What is left out has a default; the configuration reference in redis-lab's README lists every field.

/** Three masters, and a replica of each on another host. */
export const cluster = defineLab({
  name: "cluster",
  description: "Redis Cluster: 3 masters, 3 replicas",
  // `cidr` is the network of the VMs; `loopback` is where `npx redis-lab up cluster` runs the lab on this computer, without VMs.
  network: { cidr: "10.17.0.0/24", loopback: "127.0.17.0/24" },
  // redis-11 at 10.17.0.11, redis-12 at 10.17.0.12 and so on.
  hosts: numberedHosts("10.17.0", [11, 12, 13, 14, 15, 16]),
  layout: {
    kind: "cluster",
    masters: ["redis-11", "redis-12", "redis-13"],
    replicas: { "redis-14": "redis-11", "redis-15": "redis-12", "redis-16": "redis-13" },
  },
  // The VMs, on the libvirt of this computer. Another hypervisor is another row: { name: "kvm-2", uri: "qemu+ssh://root@kvm-2/system" }
  libvirt: { hypervisors: [{ name: "local", uri: "qemu:///system", pool: "default" }], memoryMiB: 2048, vcpus: 1 },
  redis: { version: "4.0.14", settings: {} },
});

// Another environment is another lab, of which only what differs is said. Take the slashes away, and `npx cdktf deploy staging` makes it beside the first:
//
// export const staging = defineLab({
//   ...cluster,
//   name: "staging",
//   network: { cidr: "10.17.1.0/24", loopback: "127.0.18.0/24" },
//   hosts: numberedHosts("10.17.1", [11, 12, 13, 14, 15, 16]),
// });
