import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftoversIn, missingPackages, nameOfOwner, runInNamespaces } from "../../support/namespaces.ts";
import { cgroupRoot, makeCgroup, removeCgroup } from "./cgroup.ts";
import { ensureRootfs, type RootfsVariant } from "./rootfs.ts";

// The machines live in a world of their own (support/namespaces.ts). Only a cgroup and an empty folder can outlive a kill -9; the next run sweeps them away.

/** What the inside of the world knows; handed down in REDIS_LAB_RIG. */
export interface WorldContext {
  /** A tmpfs of the world's own. */
  readonly state: string;
  /** A cgroup (version 2) of the world's own. */
  readonly cgroup: string;
  readonly rootfs: Readonly<Record<RootfsVariant, string>>;
}

export const CONTROL_ADDRESS = "192.168.1.1";
export const BRIDGE = "control";

const REQUIRED: readonly (readonly [string, string])[] = [
  ["mmdebstrap", "mmdebstrap"],
  ["systemd-nspawn", "systemd-container"],
  ["ip", "iproute2"],
  ["ssh", "openssh-client"],
  ["nft", "nftables"],
  ["unshare", "util-linux"],
];

const PREFIX = "redis-lab-rig-";

export function worldContext(): WorldContext {
  const text = process.env.REDIS_LAB_RIG;
  if (text === undefined) throw new Error("The machines are not there: these tests run with `npm run test:machines`.");
  return JSON.parse(text) as WorldContext;
}

/** What is missing on this computer, as a sentence that says what to do; undefined when the world can be made. */
export async function missingForWorld(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "Machines need root (namespaces, overlays): sudo npm run test:machines";
  const packages = await missingPackages(REQUIRED);
  return packages.length === 0
    ? undefined
    : `Machines need further programs: apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/** Runs a command inside a fresh world, as its root and with this terminal; resolves to its exit code. */
export async function runInWorld(command: readonly string[], log: (line: string) => void): Promise<number> {
  const rootfs = { build: await ensureRootfs("build", log), bare: await ensureRootfs("bare", log) };
  await sweep();
  const id = await nameOfOwner(PREFIX);
  const context: WorldContext = { state: join(tmpdir(), id), cgroup: join(await cgroupRoot(), id), rootfs };
  await mkdir(context.state, { recursive: true });
  await makeCgroup(context.cgroup);
  try {
    return await runInNamespaces(INSIDE, [BRIDGE, CONTROL_ADDRESS, context.state, ...command], { REDIS_LAB_RIG: JSON.stringify(context) });
  } finally {
    await removeCgroup(context.cgroup);
    await rm(context.state, { recursive: true, force: true });
  }
}

/** Sets up the control side, then runs the command; the last line keeps bash from replacing itself, since it has orphans to reap. */
const INSIDE = `set -e
bridge=$1 address=$2 state=$3
shift 3
mount -t tmpfs -o mode=0755 tmpfs "$state"
mkdir -p /run/netns /run/systemd/nspawn
mount -t tmpfs tmpfs /run/netns
mount -t tmpfs tmpfs /run/systemd/nspawn
ip link set lo up
ip link add "$bridge" type bridge
ip addr add "$address/24" dev "$bridge"
ip link set "$bridge" up
nft add table bridge rig
for hook in input forward output; do nft "add chain bridge rig $hook { type filter hook $hook priority 0; }"; done
set +e
"$@"
exit $?
`;

/** Removes what earlier runs left that were killed: only what bears the name of a process that is gone. */
async function sweep(): Promise<void> {
  const cgroups = await cgroupRoot();
  for (const name of await leftoversIn(cgroups, PREFIX)) await removeCgroup(join(cgroups, name));
  for (const name of await leftoversIn(tmpdir(), PREFIX)) await rm(join(tmpdir(), name), { recursive: true, force: true });
}
