import { randomBytes } from "node:crypto";
import { raw, sh } from "../connection/quote.ts";
import { socketHex } from "../connection/socket-owner.ts";
import { portsOf } from "../lab/instances.ts";
import { OS_FAMILIES, type OsFacts, type OsSystem } from "../lab/os.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Product } from "../redis/products/product.ts";
import { thpUnit } from "../render/host-files.ts";
import { appliedFile, commandLinks, hostFolders, possibleFiles, restartMark, startRecord } from "./host-paths.ts";

/** Where builds happen on a host. */
export const BUILD_ROOT = "/var/tmp";

/** What a host is asked; the parser needs the same to read the answer. */
export interface FactsQuestion {
  readonly host: string;
  /** Starts every line of the answer that is not the text of a file. */
  readonly mark: string;
  readonly managesHost: boolean;
  readonly lab: string;
  readonly product: Product;
  readonly prefix: string;
  readonly bin: string;
  readonly etc: string;
  readonly user: string;
  readonly sysctls: readonly string[];
  readonly commands: readonly string[];
  readonly packages: readonly string[];
  /** Those of `packages` that the lab names. */
  readonly operatorPackages: readonly string[];
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly links: readonly string[];
  /** Shell patterns of repository files that may name dead servers; part of the os table, never from a lab. */
  readonly repositories: readonly string[];
  /** The unit of the lab that sets huge pages at boot. */
  readonly thpUnit: string;
  readonly applied: string;
  readonly instances: readonly (Pick<PlacedInstance, "id" | "port" | "unit" | "pidFile"> & {
    readonly record: string;
    readonly restart: string;
  })[];
  /** `address:port` pairs that our instances listen on, and any-address with the same ports. */
  readonly sockets: readonly { readonly address: string; readonly port: number }[];
}

export function factsQuestion(placement: Placement, host: PlacedHost): FactsQuestion {
  const { lab, capabilities } = placement;
  const families = Object.values(OS_FAMILIES);
  const systems = families.flatMap((os): readonly OsSystem[] => os.systems);
  return {
    host: host.name,
    mark: `@${randomBytes(8).toString("hex")}`,
    managesHost: capabilities.managesHost,
    lab: lab.name,
    product: placement.version.product,
    prefix: host.paths.prefix,
    bin: host.paths.bin,
    etc: host.paths.etc,
    user: lab.os.user,
    sysctls: Object.keys(lab.os.sysctl),
    commands: [
      ...["cc", "gcc", "make", "semanage", "restorecon"],
      ...families.flatMap(({ packageManagers }) => packageManagers.map(({ command }) => command)),
    ],
    packages: capabilities.managesHost
      ? [
          ...new Set([
            ...families.flatMap((os) => [...os.runPackages, ...os.buildPackages, ...os.libsystemdPackages]),
            ...systems.flatMap(({ semanagePackages }) => semanagePackages),
            ...lab.os.operatorPackages,
          ]),
        ]
      : [],
    operatorPackages: capabilities.managesHost ? lab.os.operatorPackages : [],
    folders: hostFolders(host).map(({ path }) => path),
    files: possibleFiles(placement, host),
    repositories: capabilities.managesHost
      ? systems.flatMap(({ archived }) => (archived === undefined ? [] : [`${archived.folder}/${archived.disable}`]))
      : [],
    links: [host.paths.bin, ...(capabilities.managesHost ? commandLinks(host.paths, placement).keys() : [])],
    thpUnit: thpUnit(lab.name),
    applied: appliedFile(host.paths),
    instances: host.instances.map((instance) => ({
      id: instance.id,
      port: instance.port,
      unit: instance.unit,
      pidFile: instance.pidFile,
      record: startRecord(host.paths, instance),
      restart: restartMark(host.paths, instance),
    })),
    sockets: host.instances.flatMap((instance) => {
      const addresses = ["0.0.0.0", instance.address, ...(capabilities.bindsLoopback ? ["127.0.0.1"] : [])];
      return portsOf(lab.layout, instance).flatMap((port) => addresses.map((address) => ({ address, port })));
    }),
  };
}

/** A socket in /proc/net/tcp of a host, whose systems are those of x86-64 and arm64. */
export const hostHex = (address: string, port: number): string => socketHex(address, port, "LE");

/** Patterns of the sockets that matter, of both address families: an IPv6 socket can hold an IPv4 port through `::` or a mapped address. */
function socketPattern(question: FactsQuestion): string {
  const plain = question.sockets.map(({ address, port }) => hostHex(address, port));
  const ports = [...new Set(question.sockets.map(({ port }) => hostHex("0.0.0.0", port).slice(9)))].map(
    (port) => `${"0".repeat(32)}:${port}`,
  );
  const mapped = plain.filter((hex) => !hex.startsWith("00000000")).map((hex) => `0000000000000000FFFF0000${hex}`);
  return `: (${[...plain, ...ports, ...mapped].join("|")}) [0-9A-F:]+ 0A `;
}

/** Asks every package database that the host has; names of another family are just not installed. */
function packageQueries(packages: readonly string[], operatorPackages: readonly string[]): string {
  return Object.values(OS_FAMILIES)
    .map((os) => {
      const [command = "false"] = os.queryPackages;
      const provided = [...os.runPackages, ...os.buildPackages, ...os.libsystemdPackages, ...operatorPackages];
      return sh`if command -v ${command} >/dev/null 2>&1; then say packages; ${raw(installedScript(os, packages, provided))}; fi`;
    })
    .join("\n  ");
}

/** Script that says `NAME installed` for what is installed of `packages`; of those in `provided` also for what another package provides, as vim-enhanced does `vim`. */
export function installedScript(
  { queryPackages, queryProvided }: Pick<OsFacts, "queryPackages" | "queryProvided">,
  packages: readonly string[],
  provided: readonly string[],
): string {
  if (queryProvided === undefined || provided.length === 0) return sh`${queryPackages} ${packages} 2>/dev/null`;
  return sh`k=$(${queryPackages} ${packages} 2>/dev/null); printf '%s\n' "$k"; k=" $(printf '%s' "$k" | tr '\n' ' ') "
  for p in ${provided}; do
    case $k in *" $p installed "*) ;; *) if ${queryProvided} "$p" >/dev/null 2>&1; then printf '%s installed\n' "$p"; fi;; esac
  done`;
}

/** Lines that set one of these; systemd-sysctl and procps take / and . alike, and a line may begin with -. */
function sysctlPattern(names: readonly string[]): string {
  return `^[[:space:]]*-?(${names.map((name) => name.replaceAll(".", "[./]")).join("|") || "none"})[[:space:]]*=`;
}

function procSys(name: string): string {
  return `/proc/sys/${name.replaceAll(".", "/")}`;
}

/**
 * The script. POSIX sh with GNU coreutils and findutils, dash and bash 4.2 alike; mostly shell builtins, since a fork costs a millisecond or more on a small
 * host. Answers are lines `MARK word values…`; the text of a file follows its line and ends at the next line that starts with MARK.
 */
export function factsScript(question: FactsQuestion): string {
  const q = question;
  const server = `${q.bin}/${q.product.programs.server}`;
  const instances = q.instances.map((one) => sh`one ${one.id} ${one.unit} ${one.pidFile} ${one.record} ${one.restart}`).join("\n");
  return sh`LC_ALL=C; export LC_ALL
m=${q.mark}; prefix=${q.prefix}; managed=${q.managesHost ? "yes" : ""}; user=${q.user}
say() { printf '%s %s\n' "$m" "$*"; }
show() { if [ -f "$1" ] && [ -r "$1" ]; then printf '%s text %s\n' "$m" "$1"; cat "$1"; printf '\n'; fi; }
line() { l=; if [ -r "$1" ]; then IFS= read -r l < "$1" 2>/dev/null || :; fi; }

ID=; VERSION_ID=; PRETTY_NAME=; ID_LIKE=
if [ -r /etc/os-release ]; then . /etc/os-release; fi
say os ID "$ID"; say os VERSION_ID "$VERSION_ID"; say os PRETTY_NAME "$PRETTY_NAME"; say os ID_LIKE "$ID_LIKE"
say uname "$(uname -rm)"
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
if [ -z "$libc" ]; then for l in /lib/ld-musl-*; do if [ -e "$l" ]; then libc=musl; fi; done; fi
say libc "$libc"
say id "$(id)"
line /proc/uptime; say clock "$(date +%s%N)" "$l"
say nofile "$(ulimit -Hn)"
# A kernel that has SELinux and was given no policy enforces nothing, and no label can be set: then every process is in the context "kernel" (is_selinux_enabled in libselinux).
selinux=no
if [ -r /sys/fs/selinux/enforce ]; then case $(tr -d '\\000' < /proc/self/attr/current 2>/dev/null) in kernel | '') ;; *) selinux=yes ;; esac; fi
if [ $selinux = yes ]; then line /sys/fs/selinux/enforce; say selinux "$l"; fi
t=/sys/kernel/mm/transparent_hugepage/enabled
if [ -r $t ]; then line $t; w=no; if [ -w $t ]; then w=yes; fi; say thp $w "$l"; fi
# cat: a sysctl gives its value to the first read only, and dash reads byte by byte.
# Not by read, which asks for one character at a time: sysctl files give nothing from the second on (proc_dointvec in kernel/sysctl.c).
say sysctls; grep -sH '' ${q.sysctls.map(procSys)} /dev/null
for f in ${q.sysctls.map(procSys)}; do if [ -w "$f" ]; then say writable "$f"; fi; done
if [ -n "$managed" ]; then
  say sysctl-lines
  for f in /etc/sysctl.conf ${raw([...new Set(Object.values(OS_FAMILIES).map(({ sysctlFolder }) => `${sysctlFolder}/*.conf`))].join(" "))}; do
    if [ -f "$f" ] && [ ! -L "$f" ]; then grep -nHE ${sysctlPattern(q.sysctls)} "$f"; fi
  done
fi
while read -r k v rest; do case $k in MemTotal:) say memory "$v";; SwapTotal:) say swap "$v"; break;; esac; done < /proc/meminfo
d=$prefix; while [ ! -d "$d" ]; do d=\${d%/*}; d=\${d:-/}; done
say free; df -Pk "$d" ${BUILD_ROOT}
for c in ${q.commands}; do if command -v "$c" >/dev/null 2>&1; then say command "$c"; fi; done

say paths; stat -c '%a %U %G %s %Y %F|%n' -- ${[...q.folders, ...q.files, ...q.links]} ${server} ${q.instances.map(({ pidFile }) => pidFile)} 2>/dev/null
set --; for l in ${q.links}; do if [ -L "$l" ]; then set -- "$@" "$l"; fi; done
if [ $# -gt 0 ]; then say links; readlink -- "$@"; fi
for f in ${q.files} ${q.applied} ${`${q.bin}/build.json`}; do show "$f"; done
if [ -d ${q.bin} ] && [ ! -L ${q.bin} ]; then say bin-folder; ls -A ${q.bin} | head -n 50; fi
if [ $selinux = yes ]; then say label "$(stat -L -c %C ${server} 2>/dev/null)"; fi
say labs; grep -hs '^# Managed by redis-lab: ' ${q.etc}/*.conf /dev/null
for f in ${raw(q.repositories.join(" "))}; do if [ -f "$f" ]; then say repository "$f"; fi; done

pids=; firewall=
if [ -n "$managed" ]; then
  if [ -d /run/systemd/system ]; then
    say systemd "$(systemctl --version)"
    units=$(systemctl show -p Id,Names,FragmentPath,LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload firewalld.service ${q.thpUnit} ${q.instances.map(({ unit }) => `${unit}.service`)})
    say units; printf '%s\n' "$units"
    u=; p=0; a=
    while IFS= read -r l; do
      case $l in
        Id=*) u=\${l#Id=};;
        MainPID=*) p=\${l#MainPID=};;
        ActiveState=*) a=\${l#ActiveState=};;
        '') case $u in
            firewalld.service) if [ "$a" = active ]; then firewall=yes; fi;;
            *) if [ "$p" != 0 ]; then pids="$pids $p"; fi;;
          esac
          u=; p=0; a=;;
      esac
    done <<END
$units

END
  fi
  if [ -n "$firewall" ]; then
    zone=$(sed -n 's/^DefaultZone=//p' /etc/firewalld/firewalld.conf 2>/dev/null)
    say firewall "\${zone:-public}"; cat "/etc/firewalld/zones/\${zone:-public}.xml" 2>/dev/null; echo
  fi
  say passwd; getent passwd "$user"; say group; getent group "$user"
  ${raw(packageQueries(q.packages, q.operatorPackages))}
fi

proc() {
  line "/proc/$1/stat"; s=\${l##*) }
  if [ -z "$s" ]; then return 1; fi
  set -- "$1" $s
  line "/proc/$1/comm"
  say process "$1" "\${21}" "$l"
  readlink "/proc/$1/cwd" "/proc/$1/exe" 2>/dev/null
}
one() {
  line "$4"; r=$l; line "$5"; k=$l; line "$3"
  say instance "$1|$2|$l|$r|$k"
  case $l in ''|*[!0-9]*) ;; *) pids="$pids $l";; esac
  r=\${r%% *}; case $r in ''|*[!0-9]*) ;; *) pids="$pids $r";; esac
}
line /proc/sys/kernel/random/boot_id; say boot "$l"
${raw(instances)}
seen=' '; own=
for p in $pids; do
  case $seen in *" $p "*) continue;; esac
  if proc "$p"; then seen="$seen$p "; own="$own$m $p
$(ls -l "/proc/$p/fd" 2>/dev/null)
"; fi
done
# Processes that are known already are looked through first: to search all processes of the host takes long.
sockets=$(grep -hE ${socketPattern(q)} /proc/net/tcp /proc/net/tcp6 2>/dev/null)
if [ -n "$sockets" ]; then
  while read -r sl local remote state queue timer retr uid timeout inode rest; do
    p=; before=\${own%%"socket:[$inode]"*}
    if [ "$before" != "$own" ]; then p=\${before##*"$m "}; p=\${p%%[!0-9]*}; fi
    u=
    if [ -z "$p" ]; then
      p=$(find /proc/[0-9]*/fd -lname "socket:\\[$inode\\]" 2>/dev/null | { IFS=/ read -r a b c d; echo "$c"; })
      case $seen in *" $p "*) ;; *) if [ -n "$p" ]; then seen="$seen$p "; proc "$p"; fi;; esac
    fi
    if [ -n "$p" ] && [ -r "/proc/$p/cgroup" ]; then
      while IFS= read -r l; do case $l in *.service) u=\${l##*/}; break;; esac; done < "/proc/$p/cgroup"
    fi
    say listener "$local" "$uid" "$p" "$u"
  done <<END
$sockets
END
fi
say end`;
}
