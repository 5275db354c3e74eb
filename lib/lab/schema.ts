import * as v from "valibot";
import { OS_FAMILY_NAMES } from "./os-families.ts";

// Every field of a lab, with its unit and default. The configuration reference of the README is generated from the descriptions below (scripts/reference.ts), so a
// description here is user documentation. Optional fields are filled in with their defaults, which makes a parsed lab a valid input again: `{ ...cluster, name: "staging" }`.

/** A name that is safe as a host name, a folder and a shell word; what RFC 1123 allows, in lower case. */
const name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/, "must be 2 to 63 lower-case letters, digits and dashes, starting with a letter"),
);
/** An absolute path without anything that a shell, a template or a unit file would read as more than a path. */
const path = v.pipe(v.string(), v.regex(/^(\/[A-Za-z0-9._-]+)+$/, "must be an absolute path of letters, digits, dot, dash and underscore"));
const localPath = v.pipe(v.string(), v.regex(/^[^\0\r\n]+$/, "must be a path without line breaks"));
const address = v.pipe(v.string(), v.ipv4("must be an IPv4 address: Redis 4.0 takes no host names"));
const subnet = v.pipe(v.string(), v.regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, "must be an IPv4 network such as 192.168.1.0/24"));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
/** The cluster bus listens on port + 10000, so a Redis port can be at most 55535. */
const redisPort = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(55535, "must be at most 55535: the cluster bus listens on port + 10000"),
);
const positive = v.pipe(v.number(), v.integer(), v.minValue(1));
const word = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, "must be one word of letters, digits, dot, dash and underscore"));
const reference = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*(:\d{1,5})?$/, "must be HOST or HOST:PORT"));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256: 64 hexadecimal digits in lower case"));
const url = v.pipe(v.string(), v.regex(/^https?:\/\/[^\s'"`$\\{}]+$/, "must be an http or https URL"));
/** One value of a directive. Line breaks would smuggle in further directives, `{{` is template syntax. */
const settingText = v.pipe(
  v.string(),
  v.regex(/^[^\0\r\n]*$/, "must not contain a line break"),
  v.check((text) => !text.includes("{{"), "must not contain template syntax"),
);
const settingValue = v.union([settingText, v.pipe(v.number(), v.finite()), v.boolean()]);
const settings = v.record(v.string(), v.union([settingValue, v.array(settingValue)]));

function described<const S extends v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>>(schema: S, description: string) {
  return v.pipe(schema, v.description(description));
}

export const sshSchema = v.object({
  host: described(
    v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/))),
    "Name or address to connect to. Default: the host's `address`.",
  ),
  port: described(v.optional(port), "sshd's port. Default: 22."),
  user: described(v.optional(word), "Login user; anyone but root needs sudo without a password. Default: root."),
  keyFile: described(
    v.optional(localPath),
    "Private key file on this computer, `~` allowed. Default: the SSH agent, then ~/.ssh/id_ed25519, id_ecdsa and id_rsa.",
  ),
  jump: described(
    v.optional(
      v.pipe(v.string(), v.regex(/^([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$/, "must be [USER@]HOST[:PORT]")),
    ),
    "Jump host, `[USER@]HOST[:PORT]`. Default: none.",
  ),
  jumpKeyFile: described(
    v.optional(localPath),
    "Private key file for the jump host. Default: the same as for the host; for the hypervisor of a VM that of its URI (`keyfile`), else the SSH agent and the default keys.",
  ),
});

export const instanceSchema = v.object({
  port: described(redisPort, "TCP port; the cluster bus is port + 10000."),
  settings: described(v.optional(settings, {}), "redis.conf directives for this instance alone. Default: none."),
});

export const hostSchema = v.object({
  name: described(name, "Name of the host, for example `redis-18`."),
  address: described(address, "IPv4 address inside `network.cidr`."),
  memoryMiB: described(
    v.optional(positive),
    "Memory of the host in MiB; `maxmemory` of its instances must fit. Default: `libvirt.memoryMiB` for a VM; elsewhere not checked before the host is reached.",
  ),
  instances: described(
    v.optional(
      v.array(
        v.union([
          v.pipe(
            redisPort,
            v.transform((value) => ({ port: value, settings: {} })),
          ),
          instanceSchema,
        ]),
      ),
      [6379],
    ),
    "redis-server instances on the host, as ports or as objects. Sentinels are named in the layout, not here. Default: [6379].",
  ),
  ssh: described(v.optional(sshSchema, {}), "How to reach this host with `--target ssh`, over the lab's own `ssh`. Default: the lab's."),
  hypervisor: described(
    v.optional(name),
    "Hypervisor that runs this host's VM; name it where VMs have to stay in place when a host before them leaves the lab. Default: chosen so that no master is beside its replica and none has the majority.",
  ),
  vcpus: described(v.optional(positive), "Virtual CPUs of this host's VM. Default: `libvirt.vcpus`."),
  diskGiB: described(v.optional(positive), "Disk of this host's VM in GiB. Default: `libvirt.diskGiB`."),
});

const clusterLayoutSchema = v.object({
  kind: v.literal("cluster"),
  masters: described(v.array(reference), "Instances that get slots when the cluster is created, in slot order; at least three."),
  replicas: described(
    v.optional(v.record(reference, reference), {}),
    "Which instance is created as the replica of which master. Default: none.",
  ),
  standby: described(v.optional(v.array(reference), []), "Instances that run with cluster mode on but join nothing. Default: none."),
  nodeTimeoutMs: described(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(100)), 15_000),
    "cluster-node-timeout in milliseconds. Default: 15000.",
  ),
  allowReplicaOnSameHost: described(
    v.optional(v.boolean(), false),
    "Accept a replica on its master's host; `doctor` then warns. Default: false.",
  ),
});

const monitorSchema = v.object({
  name: described(word, "Name under which the sentinels watch this master, for example `mymaster`."),
  master: described(reference, "Instance that is the master at creation."),
  replicas: described(v.array(reference), "Instances that replicate it at creation."),
  quorum: described(v.optional(positive), "Sentinels that must agree that the master is down. Default: the majority of the sentinels."),
  downAfterMs: described(
    v.optional(positive, 10_000),
    "down-after-milliseconds. Sentinels ping once a second: below 2000 a healthy master may count as silent. Default: 10000.",
  ),
  parallelSyncs: described(v.optional(positive, 1), "Replicas that resynchronise at the same time after a failover. Default: 1."),
  failoverTimeoutMs: described(v.optional(positive, 180_000), "failover-timeout in milliseconds. Default: 180000."),
});

const sentinelLayoutSchema = v.object({
  kind: v.literal("sentinel"),
  masters: described(v.pipe(v.array(monitorSchema), v.minLength(1, "needs at least one master")), "The masters that the sentinels watch."),
  sentinels: described(v.array(reference), "Hosts that run a sentinel, as HOST (port 26379) or HOST:PORT."),
  allowReplicaOnSameHost: described(
    v.optional(v.boolean(), false),
    "Accept a replica on its master's host; `doctor` then warns. Default: false.",
  ),
});

export const hypervisorSchema = v.object({
  name: described(name, "Name of the hypervisor, which hosts may give as their `hypervisor`."),
  uri: described(
    v.optional(
      v.pipe(v.string(), v.regex(/^qemu(\+(ssh|tcp|tls|unix))?:\/\/[A-Za-z0-9@:._~/?&=%-]*$/, "must be a libvirt URI of a qemu driver")),
      "qemu:///system",
    ),
    "libvirt URI, for example qemu+ssh://root@kvm-1/system. A remote one is the jump host to its VMs. Default: qemu:///system.",
  ),
  pool: described(v.optional(word, "default"), "Storage pool for disks and images; it must exist. Default: default."),
  domainType: described(
    v.optional(v.picklist(["auto", "kvm", "qemu"]), "auto"),
    "`kvm`, `qemu` (emulated, ten times slower), or `auto`: kvm, unless this computer is the hypervisor and has no /dev/kvm. Default: auto.",
  ),
});

/** An image by value; the known ones have names (images.ts). */
const customImageSchema = v.object({
  location: described(
    v.union([url, localPath]),
    "http or https URL, or path on this computer (relative to the project's folder), of a qcow2 cloud image with cloud-init.",
  ),
  sha256: described(sha256, "SHA-256 of the file; it is checked before anything uses it."),
  user: described(word, "Login user of the image; it gets sudo and the lab's key."),
  osFamily: described(
    v.picklist(OS_FAMILY_NAMES),
    `Family of its operating system: ${OS_FAMILY_NAMES.map((each) => `\`${each}\``).join(" or ")}.`,
  ),
});

const vmNetworkSchema = v.variant("mode", [
  v.object({
    mode: v.picklist(["nat", "routed"]),
    name: described(v.optional(name), "Name of the libvirt network that is made. Default: the lab's name."),
    domain: described(
      v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a domain name in lower case"))),
      "DNS domain of the hosts. Default: LAB.internal.",
    ),
  }),
  v.object({
    mode: v.literal("bridge"),
    bridge: described(
      v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, "must be the name of a network interface")),
      "Existing bridge on every hypervisor.",
    ),
    gateway: described(v.optional(address), "Default gateway of the hosts. Default: none."),
    dns: described(v.optional(v.array(address), []), "DNS servers of the hosts. Default: none."),
    domain: described(
      v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a domain name in lower case"))),
      "DNS domain of the hosts. Default: LAB.internal.",
    ),
  }),
]);

/** Settings of a Terraform backend are Terraform's; none of them may be a secret, which it reads from the environment. */
const backendSchema = v.object({
  kind: described(v.picklist(["local", "s3", "pg", "consul", "http"]), "Terraform's name of the backend."),
  settings: described(
    v.optional(v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]*$/)), v.union([v.string(), v.number(), v.boolean()])), {}),
    "Its settings in Terraform's words; credentials stay in the environment. Default: none.",
  ),
});

export const libvirtSchema = v.object({
  hypervisors: described(
    v.optional(v.pipe(v.array(hypervisorSchema), v.minLength(1, "needs at least one hypervisor")), [{ name: "local" }]),
    "Where the VMs run. Default: this computer's libvirt.",
  ),
  network: described(
    v.optional(vmNetworkSchema, { mode: "nat" }),
    "`nat` or `routed`: a network of the lab's own with its `network.cidr`; `bridge`: an existing bridge. Several hypervisors need routed or bridge. Default: nat.",
  ),
  image: described(
    v.optional(
      v.union([v.pipe(v.string(), v.regex(/^[a-z][a-z0-9.-]*$/, "must be the name of a known image")), customImageSchema]),
      "centos-7",
    ),
    "Name of a known image, or an image by `location`, `sha256`, `user` and `osFamily`. Default: centos-7 (GenericCloud 2211).",
  ),
  vcpus: described(v.optional(positive, 1), "Virtual CPUs of each VM. Default: 1."),
  memoryMiB: described(v.optional(positive, 2048), "Memory of each VM in MiB. Default: 2048."),
  diskGiB: described(v.optional(positive, 20), "Disk of each VM in GiB; it grows as it is written. Default: 20."),
  autostart: described(v.optional(v.boolean(), true), "Start the VMs with their hypervisor. Default: true."),
  publicKeyFile: described(
    v.optional(localPath),
    "Public key for the login user, the same for everybody in a team; the private one is found by the SSH agent or `ssh.keyFile`. Default: a key of the lab's own, made at the first synth.",
  ),
  backend: described(v.optional(backendSchema, { kind: "local" }), "Where Terraform keeps the state of the stack. Default: local."),
});

const checksum = described(v.optional(sha256), "SHA-256 of the tarball. Required unless redis-lab knows the release.");
export const sourceSchema = v.variant("kind", [
  v.object({
    kind: v.literal("release"),
    mirrors: described(
      v.optional(v.array(url), []),
      "Folders that also serve redis-VERSION.tar.gz, tried after the release site. Default: none.",
    ),
    sha256: checksum,
  }),
  v.object({ kind: v.literal("url"), url: described(url, "Address of the tarball."), sha256: checksum }),
  v.object({
    kind: v.literal("file"),
    path: described(localPath, "Tarball on this computer; a relative path counts from the project's folder."),
    sha256: checksum,
  }),
  v.object({ kind: v.literal("distribution") }),
]);

export const redisSchema = v.object({
  version: described(
    v.optional(v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+$/, "must be a full version such as 4.0.14")), "4.0.14"),
    "Redis version. Default: 4.0.14.",
  ),
  source: described(
    v.optional(sourceSchema, { kind: "release" }),
    "Where the source comes from: `release` (with `mirrors`), `url`, `file`, or `distribution` (the distribution's own source package). Default: release.",
  ),
  makeFlags: described(
    v.optional(v.array(v.pipe(v.string(), v.regex(/^[A-Z_]+=[A-Za-z0-9._/-]*$/, "must be NAME=value"))), []),
    "Further arguments of make, for example `MALLOC=libc`. Default: none.",
  ),
  prefix: described(v.optional(path, "/apps/redis"), "Folder of bin, etc, data, logs and run. Default: /apps/redis."),
  settings: described(
    v.optional(settings, {}),
    "Any redis.conf directive that this version knows: a string, number, boolean (yes/no), or a list for a repeated directive. Default: those of the lab's layout, listed under Settings.",
  ),
});

export const osSchema = v.object({
  user: described(
    v.optional(v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_-]{0,30}$/)), "redis"),
    "User and group that run Redis, without a login shell. Default: redis.",
  ),
  sysctl: described(
    v.optional(
      v.record(v.pipe(v.string(), v.regex(/^[a-z0-9_]+(\.[a-z0-9_-]+)+$/, "must be a sysctl name")), v.pipe(v.number(), v.integer())),
      { "net.core.somaxconn": 512, "vm.overcommit_memory": 1 },
    ),
    "Kernel settings. Default: net.core.somaxconn 512 and vm.overcommit_memory 1; tcp-backlog follows somaxconn.",
  ),
  transparentHugepages: described(
    v.optional(v.picklist(["never", "madvise", "leave"]), "never"),
    "Transparent huge pages, set at once and at every boot. Default: never.",
  ),
  operatorPackages: described(
    v.optional(v.array(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.+-]*$/))), []),
    'Packages for the people who work on the hosts, for example ["vim", "tcpdump", "lsof"]. Default: none.',
  ),
  yumMirrors: described(
    v.optional(v.array(url), [
      "http://archive.kernel.org/centos-vault/7.9.2009",
      "https://vault.centos.org/7.9.2009",
      "https://linuxsoft.cern.ch/centos-vault/7.9.2009",
    ]),
    "CentOS 7 is end-of-life: trees that replace its dead mirror list, in this order. An empty list leaves yum as it is. Default: archive.kernel.org, vault.centos.org, linuxsoft.cern.ch.",
  ),
  openFirewall: described(v.optional(v.boolean(), true), "Open the lab's ports where firewalld runs. Default: true."),
});

export const secretsSchema = v.object({
  password: described(
    v.optional(
      v.variant("from", [
        v.object({ from: v.literal("generated") }),
        v.object({ from: v.literal("environment"), name: word }),
        v.object({ from: v.literal("file"), path: localPath }),
      ]),
      { from: "generated" },
    ),
    "Where requirepass (= masterauth) comes from: `generated` into .redis-lab/LAB/secrets.json, an `environment` variable, or a `file` that holds nothing else. REDIS_LAB_PASSWORD wins over `generated`. Default: generated.",
  ),
});

export const labSchema = v.object({
  name: described(name, "Name of the lab; the first argument of every verb."),
  description: described(v.optional(v.string(), ""), "One line for people. Default: empty."),
  network: v.object({
    cidr: described(subnet, "Network of the hosts, for example 192.168.1.0/24."),
    loopback: described(
      v.pipe(subnet, v.regex(/^127\.\d+\.\d+\.0\/24$/, "must be a /24 below 127.0.0.0/8")),
      "Loopback /24 of the lab on this computer; a host keeps its last number.",
    ),
  }),
  ssh: described(
    v.optional(sshSchema, {}),
    "How to reach the hosts with `--target ssh`; a host's own `ssh` wins. Default: port 22 as root.",
  ),
  hosts: described(v.pipe(v.array(hostSchema), v.minLength(1, "needs at least one host")), "The hosts."),
  layout: v.variant("kind", [clusterLayoutSchema, sentinelLayoutSchema]),
  libvirt: described(v.optional(libvirtSchema, {}), "The VMs of the stack that `cdktf deploy LAB` makes. Default: as below."),
  redis: described(v.optional(redisSchema, {}), "Version, source and settings of Redis. Default: 4.0.14 from the release site."),
  os: described(v.optional(osSchema, {}), "What the operating system of the hosts is tuned to. Default: as below."),
  secrets: described(v.optional(secretsSchema, {}), "Where the password comes from. Default: generated."),
});

export type LabInput = v.InferInput<typeof labSchema>;
export type Lab = v.InferOutput<typeof labSchema>;
export type Host = Lab["hosts"][number];
export type HostInput = v.InferInput<typeof hostSchema>;
export type SshSettings = v.InferOutput<typeof sshSchema>;
export type ClusterLayout = Extract<Lab["layout"], { kind: "cluster" }>;
export type SentinelLayout = Extract<Lab["layout"], { kind: "sentinel" }>;
export type Monitor = SentinelLayout["masters"][number];
export type LibvirtSettings = v.InferOutput<typeof libvirtSchema>;
export type HypervisorSettings = v.InferOutput<typeof hypervisorSchema>;
export type VmNetwork = LibvirtSettings["network"];
export type RedisSource = v.InferOutput<typeof sourceSchema>;
export type SettingValue = string | number | boolean | readonly (string | number | boolean)[];
