import * as v from "valibot";
import { address, described, localPath, name, port, positive, redisPort, settings, word } from "./fields.ts";

const HOP = "([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\\d{1,5})?";

export const sshSchema = v.object({
  host: described(
    v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, "must be a host name or an address"))),
    "Name or address to connect to. Default: the host's `address`.",
  ),
  port: described(v.optional(port), "sshd's port. Default: that of `configFile`, else 22."),
  user: described(v.optional(word), "Login user; anyone but root needs sudo without a password. Default: that of `configFile`, else root."),
  keyFile: described(
    v.optional(localPath),
    "Private key file on this computer, `~` allowed; no other key is offered. With a passphrase, or only its public half in the file, it is left to the SSH agent. Default: the IdentityFiles of `configFile`; the SSH agent; where no file is named ~/.ssh/id_ed25519, id_ecdsa and id_rsa.",
  ),
  jump: described(
    v.optional(
      v.pipe(v.string(), v.regex(new RegExp(`^${HOP}(,${HOP})*$`), "must be [USER@]HOST[:PORT], or several with commas between them")),
    ),
    "Jump host, `[USER@]HOST[:PORT]`, or several, the first one first; `none` goes directly, whatever `configFile` says. Default: that of `configFile`, else none.",
  ),
  configFile: described(
    v.optional(localPath),
    "Configuration of OpenSSH's client that is asked for what is not declared: HostName, Port, User, IdentityFile, IdentitiesOnly, ProxyJump, HostKeyAlias, UserKnownHostsFile, StrictHostKeyChecking. Needs `ssh` on this computer; not asked of VMs of `--target libvirt`, but of their hypervisors. `none`: neither it nor the user's own known_hosts. Default: ~/.ssh/config.",
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

export type Host = v.InferOutput<typeof hostSchema>;
export type HostInput = v.InferInput<typeof hostSchema>;
export type SshSettings = v.InferOutput<typeof sshSchema>;
