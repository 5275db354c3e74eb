import { SAME_PROCESS } from "../../bootstrap/process-scripts.ts";
import { raw, sh } from "../../connection/quote.ts";
import type { PlacedInstance } from "../../lab/placement.ts";
import { CANNOT, type FaultContext, type FaultRow, GONE, type HostPart, type LabNeed, type TargetNeed, type TouchedHost } from "../row.ts";
import { ENDED, signalScript, startAgainScript } from "../scripts.ts";

// Faults of a host: its start, its disk, its memory, its clock.

export const reboot: FaultRow = {
  of: "hosts",
  options: [],
  defaultMs: 1_000,
  undone: "it comes back by itself",
  plan: (context) =>
    context.touched.map(({ host, instances }): HostPart => {
      if (context.placement.capabilities.managesHost)
        return {
          host: host.name,
          // Nothing of it is left to be undone when the host is back.
          make: sh`rm -rf -- "$f"; sync; systemctl --no-block reboot`,
          undo: undefined,
          says: [`${host.name} restarts`],
        };
      return {
        host: host.name,
        make: [signalScript("KILL", instances), ENDED].join("\n"),
        undo: startAgainScript(context.placement, host, instances),
        says: [`all instances of ${host.name} killed; they start again after ${(context.forMs ?? 1_000) / 1000} s`],
      };
    }),
};

/** The most that a ballast may be, in KiB. */
const LARGEST_KIB = 2 * 1024 * 1024;

/** A file system that is the host's own and small: mounted at its prefix or below. The disk of a computer is never one. */
function ownDisk({ placement }: FaultContext, { host }: TouchedHost): string {
  const { prefix, data } = host.paths;
  const hint = placement.capabilities.network === "namespaces" ? ', as `netns: { disk: "64mb" }` in the lab gives it one' : "";
  return sh`line=$(df -Pk ${data} 2>/dev/null | sed -n 2p); at=\${line#*% }; set -- $line; size=\${2:-0}
case $at/ in ${`${prefix}/`}*) ;; *) echo ${`${data} is on the file system of `}"\${at:-?}"${`, which is not ${host.name}'s own: it needs a file system mounted at ${prefix} or below${hint}`}; exit ${CANNOT} ;; esac
if [ "$size" -gt ${LARGEST_KIB} ]; then echo "the file system of $at is larger than 2 GiB"; exit ${CANNOT}; fi`;
}

const OWN_DISK: TargetNeed = {
  has: ({ network }) => network !== "computer",
  what: "hosts whose data folder can be on a small file system of its own",
};

/** Machines bring disks of their own. */
const DECLARED_DISK: LabNeed = {
  has: ({ netns }, { network }) => network !== "namespaces" || netns.disk !== undefined,
  what: 'a small disk for each host: `netns: { disk: "64mb" }` in the lab',
};

export const diskFull: FaultRow = {
  of: "hosts",
  options: [],
  defaultMs: 60_000,
  needs: OWN_DISK,
  needsOfLab: DECLARED_DISK,
  programs: "a file system of at most 2 GiB, mounted at the prefix or below",
  undone: "the ballast file is removed",
  takes: "disk",
  outlivesHost: true,
  plan: (context) =>
    context.touched.map((touched) => {
      const { host } = touched;
      const ballast = `${host.paths.data}/.redis-lab-full-${context.id}`;
      return {
        host: host.name,
        check: ownDisk(context, touched),
        make: sh`(${raw(ownDisk(context, touched))}) || exit 1
free=$(df -Pk ${host.paths.data} | sed -n 2p | { read -r a b c d e; echo "$d"; })
umask 077; fallocate -l "\${free}K" ${ballast} 2>/dev/null
dd if=/dev/zero of=${ballast} bs=64k oflag=append conv=notrunc 2>/dev/null
dd if=/dev/zero of=${ballast} bs=512 oflag=append conv=notrunc 2>/dev/null
[ -s ${ballast} ]`,
        undo: sh`rm -f -- ${ballast}`,
        says: [`the file system of ${host.paths.data} on ${host.name} is full`],
      };
    }),
};

/** The mount point alone: its other options stay, among them those of a user namespace, which the kernel does not take a second time. */
export const diskReadOnly: FaultRow = {
  of: "hosts",
  options: [],
  defaultMs: 60_000,
  needs: OWN_DISK,
  needsOfLab: DECLARED_DISK,
  programs: "a file system of at most 2 GiB, mounted at the prefix or below",
  undone: "it is mounted for writing again",
  takes: "disk",
  plan: (context) =>
    context.touched.map((touched) => {
      const { host } = touched;
      const at = sh`at=$(df -Pk ${host.paths.data} | sed -n 2p | { read -r a b c d e g; echo "$g"; })`;
      return {
        host: host.name,
        check: ownDisk(context, touched),
        make: sh`(${raw(ownDisk(context, touched))}) || exit 1
${raw(at)}; printf '%s\n' "$at" > "$f/mount"
if ! said=$(mount -o remount,bind,ro "$at" 2>&1); then
  case $said in *busy*) echo "a file in $at is open for writing, as that of appendonly is" ;; *) printf '%s\n' "$said" ;; esac >&2; exit 1
fi`,
        undo: sh`if [ -r "$f/mount" ]; then IFS= read -r at < "$f/mount"; mount -o remount,bind,rw "$at" || exit 1; fi`,
        says: [`the file system of ${host.paths.data} on ${host.name} is read-only`],
      };
    }),
};

/** `ask PORT COMMAND…`: commands to one of the host's servers. The password comes from its configuration and travels by standard input. */
function askScript({ placement }: FaultContext, { host }: TouchedHost, instance: PlacedInstance): string {
  const cli = `${host.paths.bin}/${placement.version.product.programs.cli}`;
  return sh`password=$(awk '$1 == "requirepass" { v = $2 } END { gsub(/"/, "", v); print v }' ${instance.configFile})
ask() { { if [ -n "$password" ]; then printf 'AUTH %s\n' "$password"; fi; printf '%s\n' "$@"; } | timeout 5 ${cli} -h ${instance.address} -p ${instance.port} 2>&1 | tr -d '\r'; }`;
}

export const memoryFull: FaultRow = {
  of: "instances",
  dataOnly: true,
  options: [],
  defaultMs: 60_000,
  undone: "maxmemory and maxmemory-policy are set back",
  takes: "memory",
  plan: (context) =>
    context.touched.map((touched) => {
      const live = touched.instances.flatMap(({ instance, process }) => (process === undefined ? [] : [{ instance, process }]));
      const make = live.map(({ instance, process }) => {
        const { port } = instance;
        return sh`same ${process.pid} ${process.start} || exit ${GONE}
${raw(askScript(context, touched, instance))}
was=$(ask 'CONFIG GET maxmemory' 'CONFIG GET maxmemory-policy' | grep -vx OK)
set -- $was; if [ "$#" != 4 ]; then echo "$was" >&2; exit 1; fi
if [ "$2" = 1 ]; then echo 'maxmemory is one byte already' >&2; exit 1; fi
printf '%s %s\n' "$2" "$4" > "$f/memory-"${port}
ask 'CONFIG SET maxmemory-policy noeviction' 'CONFIG SET maxmemory 1' | grep -qv OK && exit 1`;
      });
      const undo = live.map(({ instance, process }) => {
        const { port } = instance;
        return sh`if [ -r "$f/memory-"${port} ] && same ${process.pid} ${process.start}; then
${raw(askScript(context, touched, instance))}
read -r size policy < "$f/memory-"${port}
case $size in '' | *[!0-9]*) exit 1 ;; esac
case $policy in '' | *[!a-z-]*) exit 1 ;; esac
ask "CONFIG SET maxmemory $size" "CONFIG SET maxmemory-policy $policy" | grep -qv OK && exit 1
fi`;
      });
      return {
        host: touched.host.name,
        make: [sh`${SAME_PROCESS}`, ...make, ":"].join("\n"),
        undo: [sh`${SAME_PROCESS}`, ...undo, ":"].join("\n"),
        says: touched.instances.map(({ instance, process }) =>
          process === undefined ? `${instance.id} did not run` : `${instance.id} has no memory left for writes`,
        ),
      };
    }),
};

const OWN_CLOCK: TargetNeed = { has: ({ machines }) => machines === "terraform", what: "hosts with a clock of their own: VMs" };
const TIME_SERVICES = ["chronyd", "chrony", "ntpd", "systemd-timesyncd"];

export const clock: FaultRow = {
  of: "hosts",
  options: ["by"],
  defaultMs: 60_000,
  needs: OWN_CLOCK,
  takes: "clock",
  undone: "the clock is set to what it would be, and what keeps it right is started",
  plan: (context) =>
    context.touched.map(({ host }) => {
      const by = context.options.by ?? 60;
      return {
        host: host.name,
        make: sh`for s in ${TIME_SERVICES}; do if systemctl -q is-active "$s.service"; then printf '%s\n' "$s" >> "$f/services"; systemctl stop "$s.service"; fi; done
read -r up rest < /proc/uptime; printf '%s %s\n' "$(date +%s)" "\${up%.*}" > "$f/clock"
date -s "@$(($(date +%s) + ${by}))" >/dev/null`,
        undo: sh`if [ -r "$f/clock" ]; then
read -r was at < "$f/clock"; read -r up rest < /proc/uptime
date -s "@$((was + \${up%.*} - at))" >/dev/null || exit 1
if [ -r "$f/services" ]; then while read -r s; do systemctl start "$s.service"; done < "$f/services"; fi
fi`,
        says: [`the clock of ${host.name} is ${Math.abs(by)} s ${by < 0 ? "behind" : "ahead"}`],
      };
    }),
};
