import { raw, sh } from "../connection/quote.ts";
import type { Namespace, NamespacePlan } from "../lab/namespaces.ts";

// What runs inside. POSIX sh with util-linux and iproute2.

/** Last but one word of the command line of a holder; the last one is the folder of the lab on this target. */
export const HOLDER_NAME = "redis-lab-network";

/** Namespaces that a program gets of its own, in which this user is root. */
export const APART = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"] as const;

/** The bridge between the namespaces. Faults are rules of nft for what it forwards. */
export const BRIDGE = "redis-lab";

/** The end of a namespace's cable at the bridge; stable, as others may cut it. */
export function bridgePort(address: string): string {
  const hex = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `v${hex.join("")}`;
}

/** The commands that make a namespace with its cable. */
function namespaceCommands({ name, address }: Namespace, prefixLength: number): string {
  const port = bridgePort(address);
  return sh`ip netns add ${name}
ip link add ${port} type veth peer name eth0 netns ${name}
ip link set ${port} master ${BRIDGE} up
ip -n ${name} link set lo up
ip -n ${name} addr add ${`${address}/${prefixLength}`} dev eth0
ip -n ${name} link set eth0 up`;
}

/** A tmpfs over a folder of a host. */
export interface Disk {
  readonly host: string;
  readonly folder: string;
  readonly bytes: number;
}

function diskCommands({ folder, bytes }: Disk): string {
  return sh`mount -t tmpfs -o ${`mode=750,size=${bytes}`} redis-lab ${folder}`;
}

/**
 * PID 1 of a lab's namespaces. It says its pid as the outside counts it, and ends with all that it made unless it is ordered to stay. Then it waits for children forever, its own sleep among them,
 * which is how daemons that end leave no zombie.
 */
export function holderScript(plan: NamespacePlan, disks: readonly Disk[]): string {
  return sh`set -e
unset REDIS_LAB_SCRIPT
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 redis-lab /run
mkdir /run/netns
ip link set lo up
ip link add ${BRIDGE} type bridge forward_delay 0
ip addr add ${`${plan.control}/${plan.prefixLength}`} dev ${BRIDGE}
ip link set ${BRIDGE} up
${raw([...plan.namespaces.map((each) => namespaceCommands(each, plan.prefixLength)), ...disks.map(diskCommands)].join("\n"))}
echo "$pid"
read -r word
exec </dev/null >/dev/null 2>&1
set +e
while :; do sleep 2147483647; done`;
}

/** All that a holder will need, done and gone again: says nothing where this computer allows it. */
export const REHEARSAL = `set -e
mount -t proc proc /proc
mount -t tmpfs -o mode=755 redis-lab /run
mkdir /run/netns
ip link add ${BRIDGE} type bridge
ip netns add rehearsal
ip link add one type veth peer name eth0 netns rehearsal
command -v nsenter >/dev/null 2>&1 || { echo 'nsenter: not found' >&2; exit 127; }`;

/**
 * Brings the namespaces of a lab that is up to what the lab declares now, and says what it did. Namespaces of hosts that are no longer declared stay: their instances may have to leave the layout first.
 */
export function adaptScript(plan: NamespacePlan, disks: readonly Disk[]): string {
  const each = plan.namespaces.map(
    (namespace) => sh`if ! ip -n ${namespace.name} link show dev eth0 >/dev/null 2>&1; then
ip netns del ${namespace.name} 2>/dev/null || :
ip link del ${bridgePort(namespace.address)} 2>/dev/null || :
${raw(namespaceCommands(namespace, plan.prefixLength))}
echo ${namespace.name}
elif [ -z "$(ip -n ${namespace.name} -o addr show dev eth0 to ${namespace.address})" ]; then
ip -n ${namespace.name} addr add ${`${namespace.address}/${plan.prefixLength}`} dev eth0
echo ${namespace.name}
fi`,
  );
  const sizes = disks.map(
    (disk) => sh`if mountpoint -q ${disk.folder}; then mount -o ${`remount,size=${disk.bytes}`} redis-lab ${disk.folder}
else
${raw(diskCommands(disk))}
fi`,
  );
  return sh`set -e
if [ -z "$(ip -o addr show dev ${BRIDGE} to ${plan.control})" ]; then ip addr add ${`${plan.control}/${plan.prefixLength}`} dev ${BRIDGE}; fi
${raw([...each, ...sizes].join("\n"))}`;
}

/** Lets a host's file system go, with all that is in it. */
export function unmountScript({ folder }: Disk): string {
  return sh`if mountpoint -q ${folder}; then umount -- ${folder}; fi`;
}

/** Takes a namespace out, with its cable. */
export function takeOutScript({ name, address }: Namespace): string {
  return sh`ip netns del ${name} 2>/dev/null || :
ip link del ${bridgePort(address)} 2>/dev/null || :`;
}

/** Runs what stands behind it in a folder: `nsenter` leaves it in the root folder. */
export function inFolder(folder: string): readonly string[] {
  return ["sh", "-c", 'cd -- "$1" && shift && exec "$@"', "sh", folder];
}
