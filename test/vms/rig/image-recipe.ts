// What the Debian of the VMs consists of. A VM without KVM computes some twenty times slower than this computer, seven share two cores, and every boot counts:
// so nothing is in it that is not needed, and what is there waits for nobody.

export const SUITE = "bookworm";

export const PACKAGES = [
  "systemd-sysv",
  "udev",
  "linux-image-cloud-amd64",
  "cloud-init",
  "cloud-guest-utils",
  "python3",
  "ifupdown",
  "iproute2",
  "libnss-myhostname",
  "openssh-server",
  "sudo",
  "procps",
  "busybox-static",
  "gcc",
  "make",
  "libc6-dev",
];

/** Paths that no package puts on the disk. */
export const EXCLUDED = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/i18n/*"];

/** What would run at a time of its own, or talk to a network that is not there, or is for hardware that a VM does not have. */
const MASKED_UNITS = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "systemd-tmpfiles-clean.timer",
  "systemd-pstore.service",
  "systemd-networkd.service",
  "systemd-networkd-wait-online.service",
  "systemd-resolved.service",
  "systemd-timesyncd.service",
  "ldconfig.service",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "dev-mqueue.mount",
  "dev-hugepages.mount",
  "sys-kernel-config.mount",
  "sys-fs-fuse-connections.mount",
  "proc-sys-fs-binfmt_misc.automount",
  "systemd-binfmt.service",
  "systemd-sysusers.service",
  "systemd-update-utmp.service",
  "systemd-update-utmp-runlevel.service",
  "modprobe@configfs.service",
  "modprobe@dm_mod.service",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "modprobe@fuse.service",
  "modprobe@loop.service",
  "kmod-static-nodes.service",
  "cloud-config.service",
  "cloud-init-hotplugd.socket",
  "getty@tty1.service",
  "getty-static.service",
];

/** Drivers that udev would load for what QEMU has to offer and nobody here uses. */
const UNUSED_MODULES = [
  "kvm",
  "kvm_amd",
  "kvm_intel",
  "sg",
  "evdev",
  "serio_raw",
  "virtio_balloon",
  "virtio_console",
  "button",
  "qemu_fw_cfg",
  "psmouse",
];

/** Rules that udev would try on every device, for kinds of devices that are not there. */
const UNUSED_RULES = [
  "55-dm.rules",
  "60-autosuspend.rules",
  "60-drm.rules",
  "60-evdev.rules",
  "60-fido-id.rules",
  "60-infiniband.rules",
  "60-input-id.rules",
  "60-persistent-alsa.rules",
  "60-persistent-input.rules",
  "60-persistent-storage-dm.rules",
  "60-persistent-storage-tape.rules",
  "60-persistent-v4l.rules",
  "60-sensor.rules",
  "64-btrfs.rules",
  "66-azure-ephemeral.rules",
  "70-*.rules",
  "71-seat.rules",
  "73-seat-late.rules",
  "75-probe_mtd.rules",
  "78-sound-card.rules",
  "95-dm-notify.rules",
  "96-e2scrub.rules",
];

/** Kernel arguments: device names and console as the stacks expect them, and no look for hardware, no check and no random number that an emulated processor pays for. */
export const KERNEL_ARGUMENTS = [
  "root=/dev/vda1",
  "rootfstype=ext4",
  "rw",
  "console=ttyS0",
  "net.ifnames=0",
  "quiet",
  "loglevel=4",
  "mitigations=off",
  "nokaslr",
  "no_timer_check",
  "random.trust_cpu=on",
  "random.trust_bootloader=on",
  "lsm=yama",
  "audit=0",
  "fsck.mode=skip",
  "systemd.show_status=auto",
  "8250.nr_uarts=1",
  "cryptomgr.notests",
  "init_on_alloc=0",
  "hardened_usercopy=off",
  "randomize_kstack_offset=off",
  "norandmaps",
].join(" ");

/** cloud-init as any image has it, but for modules that have nothing to do here: each of its four runs costs seconds of start-up already. */
const CLOUD_INIT = `datasource_list: [ NoCloud, None ]
ssh_genkeytypes: [ ed25519 ]
ssh_deletekeys: true
manual_cache_clean: false
cloud_init_modules: [ growpart, resizefs, set_hostname, update_hostname, users-groups, ssh, set-passwords ]
cloud_config_modules: [ ]
cloud_final_modules: [ final-message ]
final_message: "cloud-init finished after $uptime s"
system_info:
  network:
    renderers: [ eni ]
`;

/** Instead of Debian's 16 MB: the two drivers of the disk, and over to the real root. */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
tries=0
until [ -b /dev/vda1 ] || [ $tries -eq 500 ]; do /bin/busybox usleep 10000; tries=$((tries + 1)); done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda1 /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
`;

const EXTLINUX = `default linux
prompt 0
timeout 0
label linux
  kernel /boot/vmlinuz
  initrd /boot/initrd
  append ${KERNEL_ARGUMENTS}
`;

/** Runs on the finished tree ($1), inside which programs are called by chroot. */
export const CUSTOMIZE = `#!/bin/sh
set -e
root=$1
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for unit in ${MASKED_UNITS.join(" ")}; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
chroot "$root" systemctl enable -q serial-getty@ttyS0.service
printf '/dev/vda1 / ext4 noatime 0 0\\n' > "$root/etc/fstab"
printf 'UseDNS no\\nPrintMotd no\\nPrintLastLog no\\n' > "$root/etc/ssh/sshd_config.d/vms.conf"
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system.conf.d"
printf '[Journal]\\nStorage=volatile\\nRuntimeMaxUse=16M\\n' > "$root/etc/systemd/journald.conf.d/vms.conf"
printf '[Manager]\\nDefaultTimeoutStartSec=300\\n' > "$root/etc/systemd/system.conf.d/vms.conf"
printf 'auto lo\\niface lo inet loopback\\nsource /etc/network/interfaces.d/*\\n' > "$root/etc/network/interfaces"
cat > "$root/etc/cloud/cloud.cfg.d/90_vms.cfg" <<'END'
${CLOUD_INIT}END
for module in ${UNUSED_MODULES.join(" ")}; do printf 'blacklist %s\\ninstall %s /bin/false\\n' "$module" "$module"; done > "$root/etc/modprobe.d/vms.conf"
cd "$root/lib/udev/rules.d"
rm -f ${UNUSED_RULES.join(" ")}
cd "$OLDPWD"
# cloud-init does without these two, and without the look for its own entry point: a quarter of what Python reads at each of its starts.
rm -rf "$root/usr/lib/python3/dist-packages/jsonschema" "$root/usr/lib/python3/dist-packages/jinja2"
printf '#!/usr/bin/python3\\nimport sys\\nfrom cloudinit.cmd.main import main\\nsys.exit(main())\\n' > "$root/usr/bin/cloud-init"

kernel=$(ls "$root/lib/modules")
ramdisk="$root/ramdisk"
mkdir -p "$ramdisk/bin" "$ramdisk/dev" "$ramdisk/root" "$ramdisk/modules"
cp "$root/bin/busybox" "$ramdisk/bin/busybox"
number=10
for module in $(for name in virtio_pci virtio_blk; do chroot "$root" modprobe -S "$kernel" --show-depends $name; done | sed -n 's/^insmod //p' | awk '!seen[$0]++'); do
  cp "$root$module" "$ramdisk/modules/$number-$(basename "$module")"
  number=$((number + 1))
done
cat > "$ramdisk/init" <<'END'
${INIT}END
chmod 0755 "$ramdisk/init"
chroot "$root" sh -c 'cd /ramdisk && find . | cpio --quiet -o -H newc' > "$root/boot/initrd"
rm -rf "$ramdisk"
mv "$root/boot/vmlinuz-$kernel" "$root/boot/vmlinuz"
rm -f "$root"/boot/initrd.img-* "$root"/boot/config-* "$root"/boot/System.map-*
mkdir -p "$root/boot/extlinux"
cat > "$root/boot/extlinux/extlinux.conf" <<'END'
${EXTLINUX}END

rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root"/var/cache/debconf/*-old "$root"/usr/bin/lto-dump*
rm -rf "$root"/usr/lib/gcc/x86_64-linux-gnu/*/lto1 "$root"/usr/lib/modules/*/kernel/drivers/net/ethernet "$root"/usr/lib/modules/*/kernel/drivers/infiniband
: > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
`;
