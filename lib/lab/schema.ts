import * as v from "valibot";
import { memoryBytes } from "../redis/memory-units.ts";
import {
  address,
  bridge,
  described,
  dnsDomain,
  libvirtUri,
  localPath,
  name,
  path,
  positive,
  settings,
  sha256,
  subnet,
  url,
  word,
} from "./fields.ts";
import { hostSchema, sshSchema } from "./host-schema.ts";
import { layoutSchema } from "./layouts.ts";
import { OS_FAMILY_NAMES } from "./os.ts";
import { LAB_PRODUCT } from "./product.ts";

// Every field of a lab, with its unit and default. The configuration reference of the README is generated from the descriptions below (scripts/reference.ts), so a
// description here is user documentation. Optional fields are filled in with their defaults, which makes a parsed lab a valid input again: `{ ...cluster, name: "staging" }`.

export const hypervisorSchema = v.object({
  name: described(name, "Name of the hypervisor, which hosts may give as their `hypervisor`."),
  uri: described(
    v.optional(libvirtUri, "qemu:///system"),
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
    domain: described(v.optional(dnsDomain), "DNS domain of the hosts. Default: LAB.internal."),
  }),
  v.object({
    mode: v.literal("bridge"),
    bridge: described(bridge, "Existing bridge on every hypervisor."),
    gateway: described(v.optional(address), "Default gateway of the hosts. Default: none."),
    dns: described(v.optional(v.array(address), []), "DNS servers of the hosts. Default: none."),
    domain: described(v.optional(dnsDomain), "DNS domain of the hosts. Default: LAB.internal."),
  }),
]);

/** Settings of a Terraform backend are Terraform's; none of them may be a secret, which it reads from the environment. */
const backendSchema = v.object({
  kind: described(v.picklist(["local", "s3", "pg", "consul", "http"]), "Terraform's name of the backend."),
  settings: described(
    v.optional(
      v.record(
        v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]*$/, "must be a word of lower-case letters, digits and underscore")),
        v.union([v.string(), v.number(), v.boolean()]),
      ),
      {},
    ),
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

export const netnsSchema = v.object({
  disk: described(
    v.optional(
      v.pipe(
        v.string(),
        v.check((text) => (memoryBytes(text) ?? 0) > 0, "must be an amount of memory, for example 64mb"),
      ),
    ),
    "Size of a file system in memory of its own (tmpfs) for the data of each host, in Redis' units, for example 64mb. All data in it is gone with `down`, and when the lab crashes. Default: none, the data are files on this computer's disk.",
  ),
});

const checksum = described(v.optional(sha256), "SHA-256 of the tarball. Required unless redis-lab knows the release.");
export const sourceSchema = v.variant("kind", [
  v.object({
    kind: v.literal("release"),
    mirrors: described(
      v.optional(v.array(url), []),
      `Folders that also serve ${LAB_PRODUCT.releases.tarball("VERSION")}, tried after the release site. Default: none.`,
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

const DEFAULT_VERSION = LAB_PRODUCT.defaultVersion;

export const redisSchema = v.object({
  version: described(
    v.optional(v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+$/, `must be a full version such as ${DEFAULT_VERSION}`)), DEFAULT_VERSION),
    `Redis version. Default: ${DEFAULT_VERSION}.`,
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
    v.optional(
      v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_-]{0,30}$/, "must be a user name of lower-case letters, digits, dash and underscore")),
      "redis",
    ),
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
  transparentHugepagesBy: described(
    v.optional(v.picklist(["unit", "rc.local"]), "unit"),
    "What sets them at every boot: a systemd unit of redis-lab's own, for which Redis waits, or a marked block in rc.local, which is made executable and for which nothing waits. Default: unit.",
  ),
  operatorPackages: described(
    v.optional(v.array(v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, "must be the name of a package"))), []),
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
  disposable: described(
    v.optional(v.boolean(), false),
    "For experiments alone: faults and drills break it without a question, and what it holds may be lost. Default: false.",
  ),
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
  layout: layoutSchema,
  libvirt: described(v.optional(libvirtSchema, {}), "The VMs of the stack that `cdktf deploy LAB` makes. Default: as below."),
  netns: described(v.optional(netnsSchema, {}), "The namespaces of `--target netns`. Default: as below."),
  redis: described(
    v.optional(redisSchema, {}),
    `Version, source and settings of Redis. Default: ${DEFAULT_VERSION} from the release site.`,
  ),
  os: described(v.optional(osSchema, {}), "What the operating system of the hosts is tuned to. Default: as below."),
  secrets: described(v.optional(secretsSchema, {}), "Where the password comes from. Default: generated."),
});

export type LabInput = v.InferInput<typeof labSchema>;
export type Lab = v.InferOutput<typeof labSchema>;
export type { Host, HostInput, SshSettings } from "./host-schema.ts";
export type LibvirtSettings = v.InferOutput<typeof libvirtSchema>;
export type HypervisorSettings = v.InferOutput<typeof hypervisorSchema>;
export type VmNetwork = LibvirtSettings["network"];
export type RedisSource = v.InferOutput<typeof sourceSchema>;
export type SettingValue = string | number | boolean | readonly (string | number | boolean)[];
