import { defineLab, numberedHosts } from "redis-lab";

// The lab that both tools bring up: the shipped `cluster` on the machines of bench/provision/run.ts, which sets the environment.
const required = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this lab is for bench/provision/run.ts`);
  return value;
};

export const cluster = defineLab({
  name: "cluster",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.9.0/24" },
  ssh: { user: "root", keyFile: required("BENCH_KEY") },
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78:6379", "redis-78:6380"],
  },
  redis: {
    version: required("BENCH_VERSION"),
    source: { kind: "file", path: required("BENCH_SOURCE"), sha256: required("BENCH_SHA256") },
    makeFlags: required("BENCH_MAKE_FLAGS").split(" ").filter(Boolean),
  },
});
