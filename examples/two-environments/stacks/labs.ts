import { defineLab, type LabInput, numberedHosts } from "redis-lab";

/** What differs between environments, and nothing else. */
interface Environment {
  readonly name: string;
  /** First three numbers of the network of the VMs. */
  readonly network: string;
  readonly loopback: string;
  readonly memoryMiB: number;
  readonly settings?: NonNullable<LabInput["redis"]>["settings"];
}

function environment({ name, network, loopback, memoryMiB, settings = {} }: Environment) {
  return defineLab({
    name,
    network: { cidr: `${network}.0/24`, loopback },
    hosts: numberedHosts(network, [11, 12, 13, 14, 15, 16]),
    layout: {
      kind: "cluster",
      masters: ["redis-11", "redis-12", "redis-13"],
      replicas: { "redis-14": "redis-11", "redis-15": "redis-12", "redis-16": "redis-13" },
    },
    redis: { settings },
    libvirt: {
      memoryMiB,
      // One state for each environment, where the team's other states are; the credentials are in the environment.
      backend: { kind: "s3", settings: { bucket: "acme-labs", key: `redis/${name}.tfstate`, region: "eu-central-1" } },
    },
  });
}

export const staging = environment({ name: "staging", network: "10.32.0", loopback: "127.0.32.0/24", memoryMiB: 1024 });

export const production = environment({
  name: "production",
  network: "10.33.0",
  loopback: "127.0.33.0/24",
  memoryMiB: 8192,
  settings: { maxmemory: "6gb", appendonly: "yes" },
});
