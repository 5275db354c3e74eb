import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "../../support/command.ts";
import { hostAptOptions, hostSources } from "../../support/debian-packages.ts";

/** `build` has a compiler, `bare` has none but can install one. */
export type RootfsVariant = "build" | "bare";

const SUITE = "bookworm";
const BASE_PACKAGES = [
  "systemd-sysv",
  "openssh-server",
  "python3",
  "sudo",
  "iproute2",
  "procps",
  "ca-certificates",
  "gawk",
  "python3-apt",
  "nftables",
  "iptables",
];
const BUILD_PACKAGES = ["gcc", "make", "libc6-dev", "libsystemd-dev", "pkg-config"];
/** Not installed anywhere, but in the package source of the machines, for tests that install something. */
const OPERATOR_PACKAGES = ["lsof", "tcpdump"];

/** What a machine must not do by itself: anything that talks to a network it does not have, or that runs at a time of its own. */
const MASKED_UNITS = [
  "console-getty.service",
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "systemd-networkd.service",
  "systemd-resolved.service",
  "systemd-timesyncd.service",
];

/**
 * `vm.*` and transparent huge pages belong to the kernel of the computer and are read-only inside a machine. Files bound over them at every boot take the writes instead and
 * begin with the kernel's defaults, so that what must survive a reboot is really tested. Unlike the kernel's file, the stand-in of THP reads `never` after `never` was written.
 */
const STAND_INS = `#!/bin/sh
set -e
mkdir -p /run/stand-ins
echo 0 > /run/stand-ins/overcommit_memory
echo 'always [madvise] never' > /run/stand-ins/thp_enabled
echo 'always defer defer+madvise [madvise] never' > /run/stand-ins/thp_defrag
mount --bind /run/stand-ins/overcommit_memory /proc/sys/vm/overcommit_memory
mount --bind /run/stand-ins/thp_enabled /sys/kernel/mm/transparent_hugepage/enabled
mount --bind /run/stand-ins/thp_defrag /sys/kernel/mm/transparent_hugepage/defrag
`;

const STAND_INS_UNIT = `[Unit]
Description=Writable stand-ins for kernel settings that a container cannot change
DefaultDependencies=no
Before=systemd-sysctl.service sysinit.target
After=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/stand-ins

[Install]
WantedBy=sysinit.target
`;

/** The machines have no way out, so their package source is a folder of their own disk: it answers `apt-get update` and holds what is not installed. */
const CUSTOMIZE = `#!/bin/sh
set -e
root=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot "$root" apt-get install -q -y --no-install-recommends --download-only ${[...BUILD_PACKAGES, ...OPERATOR_PACKAGES].join(" ")}
mkdir -p "$root/srv/packages"
for deb in "$root"/var/cache/apt/archives/*.deb; do
  [ -e "$deb" ] || continue
  mv "$deb" "$root/srv/packages/"
done
cd "$root/srv/packages"
for deb in *.deb; do
  [ -e "$deb" ] || continue
  dpkg-deb -f "$deb"
  echo "Filename: ./$deb"
  echo "Size: $(stat -c %s "$deb")"
  echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"
  echo
done > Packages
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/packages ./' > "$root/etc/apt/sources.list"
for unit in ${MASKED_UNITS.join(" ")}; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
install -m 0755 "$(dirname "$0")/stand-ins" "$root/usr/local/sbin/stand-ins"
install -m 0644 "$(dirname "$0")/stand-ins.service" "$root/etc/systemd/system/stand-ins.service"
chroot "$root" systemctl enable -q stand-ins.service
printf 'UseDNS no\\nPrintMotd no\\nPrintLastLog no\\n' > "$root/etc/ssh/sshd_config.d/machines.conf"
rm -f "$root"/etc/ssh/ssh_host_*
chroot "$root" useradd -m -s /bin/bash -u 1000 centos
chroot "$root" useradd -m -s /bin/bash -u 1001 guest
echo 'centos ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/centos"
chmod 0440 "$root/etc/sudoers.d/centos"
: > "$root/etc/machine-id"
rm -f "$root/etc/resolv.conf"
: > "$root/etc/resolv.conf"
`;

/** The read-only tree below the machines, made once by mmdebstrap and kept in the XDG cache under a key of all that went into it. Needs root and the package mirror. */
export async function ensureRootfs(variant: RootfsVariant, log: (line: string) => void): Promise<string> {
  const include = [...BASE_PACKAGES, ...(variant === "build" ? BUILD_PACKAGES : [])];
  const key = createHash("sha256")
    .update(JSON.stringify([SUITE, include, CUSTOMIZE, STAND_INS, STAND_INS_UNIT]))
    .digest("hex")
    .slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "redis-lab", "test-machines");
  const tree = join(cache, `${SUITE}-${variant}-${key}`);
  if (existsSync(tree)) return tree;
  log(`making the root file system "${variant}" with mmdebstrap (once; about a minute) …`);
  const work = `${tree}.${process.pid}`;
  try {
    await mkdir(join(work, "hook"), { recursive: true });
    await writeFile(join(work, "hook", "customize"), CUSTOMIZE, { mode: 0o755 });
    await writeFile(join(work, "hook", "stand-ins"), STAND_INS);
    await writeFile(join(work, "hook", "stand-ins.service"), STAND_INS_UNIT);
    const args = ["--quiet", "--mode=root", "--variant=minbase", `--include=${include.join(",")}`, ...(await hostAptOptions())];
    args.push(`--customize-hook=${join(work, "hook", "customize")} "$1"`, SUITE, join(work, "root"), ...(await hostSources(SUITE)));
    await run("mmdebstrap", args);
    await rename(join(work, "root"), tree);
  } catch (error) {
    if (!existsSync(tree)) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return tree;
}
