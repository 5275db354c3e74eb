import { defineLab, numberedHosts } from "redis-lab";

/** One master and two replicas, without sentinels. */
export const cache = defineLab({
  name: "cache",
  network: { cidr: "10.34.0.0/24", loopback: "127.0.34.0/24" },
  hosts: numberedHosts("10.34.0", [11, 12, 13]),
  layout: { kind: "replication", master: "redis-11", replicas: ["redis-12", "redis-13"] },
});
