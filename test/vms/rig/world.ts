import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftoversIn, missingPackages, nameOfOwner, runInNamespaces } from "../../support/namespaces.ts";
import { ensureImage, type TestImage } from "./image.ts";
import { goBinary, terraformBinary, terraformEnvironment } from "./provider.ts";

// The VMs live in a world of their own (support/namespaces.ts): a libvirtd that the computer does not know, with configuration, pool, sockets and logs on file systems that end with
// the world, and networks and firewall rules in a network namespace. Only an empty folder can outlive a kill -9; the next run sweeps it away.

/** What the inside of the world knows; handed down in REDIS_LAB_VMS. */
export interface WorldContext {
  /** A tmpfs of the world's own; temporary files (TMPDIR) are made in it. */
  readonly state: string;
  /** URI of the world's libvirtd. */
  readonly libvirtUri: string;
  /** Name of its only storage pool. */
  readonly pool: string;
  /** Folder of the pool. */
  readonly poolFolder: string;
  /** Folder with what each VM wrote to its serial console: DOMAIN.log. */
  readonly consoles: string;
  readonly image: TestImage;
  /** Terraform's CLI configuration: the provider from a mirror, and no registry. In the environment as TF_CLI_CONFIG_FILE too. */
  readonly tfCliConfigFile: string;
  /** A folder for temporary files that does not end with the world. */
  readonly outside: string;
}

const LIBVIRT_URI = "qemu:///system";
const POOL = "default";
const PREFIX = "redis-lab-vms-";

const PACKAGES: readonly (readonly [string, string])[] = [
  ["libvirtd", "libvirt-daemon-system"],
  ["virsh", "libvirt-clients"],
  ["test -e /usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so", "libvirt-daemon-driver-qemu"],
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["qemu-img", "qemu-utils"],
  ["dnsmasq", "dnsmasq-base"],
  ["iptables", "iptables"],
  ["mmdebstrap", "mmdebstrap"],
  ["extlinux", "extlinux"],
  ["test -e /usr/lib/syslinux/mbr/mbr.bin", "syslinux-common"],
  ["mkfs.ext4", "e2fsprogs"],
  ["losetup", "mount"],
  ["ip", "iproute2"],
  ["python3", "python3"],
  ["ssh", "openssh-client"],
  ["unshare", "util-linux"],
  ["script", "bsdutils"],
];

export function worldContext(): WorldContext {
  const text = process.env["REDIS_LAB_VMS"];
  if (text === undefined) throw new Error("There is no libvirtd for tests: these tests run with `npm run test:vms`.");
  return JSON.parse(text) as WorldContext;
}

/** What is missing on this computer, as sentences that say what to do; undefined when the world can be made. */
export async function missingForWorld(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "VMs need root (namespaces, libvirtd, loop devices): sudo npm run test:vms";
  const missing: string[] = [];
  const packages = await missingPackages(PACKAGES);
  if (packages.length > 0) missing.push(`VMs need further programs: apt-get install -y --no-install-recommends ${packages.join(" ")}`);
  if ((await missingPackages([[terraformBinary(), "terraform"]])).length > 0)
    missing.push(`VMs need ${terraformBinary()} on the PATH: Terraform 1.5 or later, or OpenTofu with TERRAFORM_BINARY_NAME=tofu`);
  if ((await goBinary()) === undefined)
    missing.push("VMs need Go 1.22 or later on the PATH (or in /usr/local/go): the libvirt provider is compiled from its module");
  return missing.length === 0 ? undefined : missing.join("\n");
}

/** Runs a command inside a fresh world, as its root and with this terminal; resolves to its exit code. */
export async function runInWorld(command: readonly string[], log: (line: string) => void): Promise<number> {
  const environment = await terraformEnvironment(log);
  const image = await ensureImage(log);
  for (const name of await leftoversIn(tmpdir(), PREFIX)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  const state = join(tmpdir(), await nameOfOwner(PREFIX));
  const context: WorldContext = {
    state,
    libvirtUri: LIBVIRT_URI,
    pool: POOL,
    poolFolder: join(state, "pool"),
    consoles: join(state, "consoles"),
    image,
    tfCliConfigFile: environment["TF_CLI_CONFIG_FILE"] ?? "",
    outside: tmpdir(),
  };
  await mkdir(state, { recursive: true });
  try {
    return await runInNamespaces(INSIDE, [state, POOL, emulator(context), ...command], {
      ...environment,
      REDIS_LAB_VMS: JSON.stringify(context),
      TMPDIR: join(state, "tmp"),
      CDKTF_HOME: join(state, "cdktf"),
      LIBVIRT_DEFAULT_URI: LIBVIRT_URI,
    });
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

/**
 * Runs a program with slices of 100 ms instead of 3 ms (sched_setattr(2), call 314 of x86-64). Seven emulated processors that take turns on two real ones otherwise spend half of the
 * time on reading the translated code into the caches again: a boot then takes 34 s of processor time instead of 21 s. Kernels before 6.12 ignore it.
 */
const PATIENT = `import ctypes, os, struct, sys
attributes = struct.pack("<IIQiIQQQ", 48, 0, 0, 0, 0, 100_000_000, 0, 0)
ctypes.CDLL(None).syscall(314, 0, attributes, 0)
os.execv(sys.argv[1], sys.argv[1:])
`;

/**
 * The emulator of the world: QEMU that also writes each VM's serial console to a file. libvirt can do that, but the provider has no words for it, and a second reader of the console
 * would take it from the first, which belongs to redis-lab. The real one stays in /usr/bin (of an overlay), as it finds its modules from there.
 */
function emulator({ consoles }: WorldContext): string {
  return `name= args=()
for word in "$@"; do
  case $word in
    guest=*) name=\${word#guest=} name=\${name%%,*} ;;
    pty,id=charserial0) word+=",logfile=${consoles}/$name.log,logappend=on" ;;
  esac
  args+=("$word")
done
exec python3 -c '${PATIENT}' /usr/bin/qemu-system-x86_64.real "\${args[@]}"`;
}

/**
 * Starts libvirtd, then runs the command; the last line keeps bash from replacing itself, since it has orphans to reap. A tmpfs over /run hides the system's own D-Bus, machined and
 * libvirt, and without any cgroup in sight libvirt does without. `libvirtd -d` returns when its sockets answer.
 */
const INSIDE = `set -e
state=$1 pool=$2 emulator=$3
shift 3
mount -t tmpfs -o mode=0755 tmpfs "$state"
mkdir -p "$state/tmp" "$state/pool" "$state/consoles" "$state/cache"
chmod 1777 "$state/tmp"
mkdir "$state/bin" "$state/bin.work"
mount -t overlay -o "lowerdir=/usr/bin,upperdir=$state/bin,workdir=$state/bin.work" overlay /usr/bin
mv /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64.real
cat > /usr/bin/qemu-system-x86_64 <<END
#!/bin/bash
$emulator
END
chmod 0755 /usr/bin/qemu-system-x86_64
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock
for folder in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do mkdir -p "$folder"; mount -t tmpfs -o mode=0755 tmpfs "$folder"; done
umount --recursive --lazy /sys/fs/cgroup 2>/dev/null || true
ip link set lo up
cat > /etc/libvirt/qemu.conf <<'END'
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
END
cat > /etc/libvirt/libvirtd.conf <<'END'
auth_unix_rw = "none"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
END
libvirtd -d
virsh -q pool-define-as "$pool" dir --target "$state/pool"
virsh -q pool-start "$pool"
set +e
"$@"
exit $?
`;
