/** Everything in which the families differ. Command lists are words without values; what is installed or named comes after them, quoted by the connection. */
export interface OsFacts {
  /** For messages, for example `Debian family`. */
  readonly title: string;
  /** Systems that people know it by. */
  readonly members: string;
  /** The systems of the family, with what differs between them: the first that fits is a host's, and the last fits all. */
  readonly systems: readonly [...OsSystem[], OsSystem];
  /** Values of ID and ID_LIKE in /etc/os-release that mean this family. */
  readonly ids: readonly string[];
  /** Script that is run at the end of the boot where it is executable; what links to it is not edited. */
  readonly rcLocal: string;
  /** Folder for the units of the administrator. */
  readonly unitFolder: string;
  /** Folder of sysctl files, read in the order of their names. */
  readonly sysctlFolder: string;
  /** Folder of what logrotate reads. */
  readonly logrotateFolder: string;
  /** Login shell of an account that nobody logs in to. */
  readonly nologin: string;
  /** Package managers in the order of preference; the first that is on the host is used. */
  readonly packageManagers: readonly PackageManager[];
  /** Prints a line `NAME installed` for each installed package of those named after it; lines of another form and the exit code don't matter. */
  readonly queryPackages: readonly string[];
  /** Succeeds when an installed package provides the one name after it, under whatever name of its own. Undefined where the manager itself fails for a name that it can't install. */
  readonly queryProvided: readonly string[] | undefined;
  /** What a host that runs Redis needs: `ip` for the unit's wait for its address. */
  readonly runPackages: readonly string[];
  /** What a host that compiles Redis needs. */
  readonly buildPackages: readonly string[];
  /** Besides `buildPackages`, for the lines of Redis that speak to systemd through libsystemd (6.0 on) and not by themselves (4.0, 5.0). */
  readonly libsystemdPackages: readonly string[];
  /** How source packages are made, and the program that fetches one without root. */
  readonly sourcePackages: { readonly format: "deb" | "rpm"; readonly command: string };
}

/** A system, or several that are alike. */
export interface OsSystem {
  readonly title: string;
  /** Tried on real machines, or written from documentation alone. */
  readonly verified: boolean;
  /** ID of /etc/os-release. @default any of the family */
  readonly id?: string;
  /** Major part of VERSION_ID. @default any */
  readonly major?: string;
  /** Package of the tool that keeps SELinux labels over a relabel (`semanage`); empty where there is no SELinux by default. */
  readonly semanagePackages: readonly string[];
  /** Package sources that are gone from the mirrors and are replaced by `os.yumMirrors`. @default they are there */
  readonly archived?: ArchivedSources;
}

export interface PackageManager {
  /** Name of the program. */
  readonly command: string;
  /** Environment of every call, `NAME=value`. */
  readonly environment: readonly string[];
  /** Refreshes the lists; undefined where an install does that by itself. */
  readonly refresh: readonly string[] | undefined;
  /** Installs the packages named after it, without questions. */
  readonly install: readonly string[];
  /** Options after `install` that leave out all repositories but those of `archived`; undefined where no such is known. */
  readonly archivedAlone?: readonly string[];
}

export interface ArchivedSources {
  /** The one architecture, as `uname -m` says it, whose packages are in those trees, signed by the key that the file names. */
  readonly arch: string;
  /** File that is replaced. */
  readonly sourcesFile: string;
  /** Folder of the sources; every other file of it that matches `disable` names dead servers. */
  readonly folder: string;
  /** Name pattern (shell) of the files to be renamed to `*.disabled`. */
  readonly disable: string;
  /** Settings of the plug-in that would re-sort the list of mirrors. */
  readonly mirrorPlugin: string;
}

const rpm = ["rpm", "--query", "--queryformat", "%{NAME} installed\\n"] as const;

const ROWS = {
  rhel: {
    title: "RHEL family",
    members: "CentOS 7 and later",
    systems: [
      {
        title: "CentOS 7",
        verified: false,
        id: "centos",
        major: "7",
        semanagePackages: ["policycoreutils-python"],
        archived: {
          // Others are below altarch/, signed by CentOS' key of the alternative architectures.
          arch: "x86_64",
          sourcesFile: "/etc/yum.repos.d/CentOS-Base.repo",
          folder: "/etc/yum.repos.d",
          disable: "CentOS-*.repo",
          mirrorPlugin: "/etc/yum/pluginconf.d/fastestmirror.conf",
        },
      },
      { title: "RHEL 7 and its kin", verified: false, major: "7", semanagePackages: ["policycoreutils-python"] },
      // semanage moved to another package with Python 3; programs below / have to be labelled there, or systemd ends with 203/EXEC.
      { title: "EL 8 and later", verified: false, semanagePackages: ["policycoreutils-python-utils"] },
    ],
    ids: ["rhel", "centos", "fedora", "rocky", "almalinux", "ol"],
    // /etc/rc.local is a link to this; rc-local-generator of systemd 219 looks here for the execute permission.
    rcLocal: "/etc/rc.d/rc.local",
    unitFolder: "/etc/systemd/system",
    sysctlFolder: "/etc/sysctl.d",
    logrotateFolder: "/etc/logrotate.d",
    nologin: "/sbin/nologin",
    packageManagers: [
      { command: "dnf", environment: [], refresh: undefined, install: ["dnf", "--assumeyes", "--quiet", "install"] },
      {
        command: "yum",
        environment: [],
        refresh: undefined,
        install: ["yum", "--assumeyes", "--quiet", "install"],
        archivedAlone: ["--disablerepo=*", "--enablerepo=base,updates,extras"],
      },
    ],
    queryPackages: rpm,
    queryProvided: ["rpm", "--query", "--whatprovides"],
    runPackages: ["iproute"],
    buildPackages: ["gcc", "make", "glibc-devel"],
    libsystemdPackages: ["pkgconfig", "systemd-devel"],
    sourcePackages: { format: "rpm", command: "yumdownloader" },
  },
  debian: {
    title: "Debian family",
    members: "Debian, Ubuntu",
    systems: [
      { title: "Debian 12", verified: true, id: "debian", major: "12", semanagePackages: [] },
      { title: "Ubuntu", verified: false, id: "ubuntu", semanagePackages: [] },
      { title: "Debian's other releases and its kin", verified: false, semanagePackages: [] },
    ],
    ids: ["debian", "ubuntu"],
    rcLocal: "/etc/rc.local",
    unitFolder: "/etc/systemd/system",
    sysctlFolder: "/etc/sysctl.d",
    logrotateFolder: "/etc/logrotate.d",
    nologin: "/usr/sbin/nologin",
    packageManagers: [
      {
        command: "apt-get",
        environment: ["DEBIAN_FRONTEND=noninteractive"],
        refresh: ["apt-get", "--quiet", "update"],
        install: ["apt-get", "--quiet", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "install"],
      },
    ],
    queryPackages: ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n"],
    queryProvided: undefined,
    runPackages: ["iproute2"],
    buildPackages: ["gcc", "make", "libc6-dev"],
    libsystemdPackages: ["pkg-config", "libsystemd-dev"],
    sourcePackages: { format: "deb", command: "apt-get" },
  },
} satisfies Readonly<Record<string, OsFacts>>;

export type OsFamilyName = keyof typeof ROWS;
/** The one table in which families of operating systems differ. */
export const OS_FAMILIES: Readonly<Record<OsFamilyName, OsFacts>> = ROWS;
export const OS_FAMILY_NAMES = Object.keys(ROWS) as readonly OsFamilyName[];

/** What /etc/os-release says, by key. */
export type OsRelease = Readonly<Record<string, string | undefined>>;

/** Reads the text of /etc/os-release: `KEY=value`, the value maybe in quotes (os-release(5)). Lines that are none are left out. */
export function parseOsRelease(text: string): OsRelease {
  const lines = text.split("\n").flatMap((line) => {
    const [, key, value] = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value.replace(/^(["'])(.*)\1$/, "$2")] as const];
  });
  return Object.fromEntries(lines);
}

/** The family of a system: by ID, then by the first known word of ID_LIKE. Undefined for one that is not in the table. */
export function osFamilyOf(release: OsRelease): OsFamilyName | undefined {
  const words = [release["ID"] ?? "", ...(release["ID_LIKE"] ?? "").split(/\s+/)].map((word) => word.toLowerCase());
  for (const word of words) {
    const family = OS_FAMILY_NAMES.find((name) => OS_FAMILIES[name].ids.includes(word));
    if (family !== undefined) return family;
  }
  return undefined;
}

/** The row of a system; undefined for one whose family is not in the table. */
export function osSystemOf(release: OsRelease): OsSystem | undefined {
  const family = osFamilyOf(release);
  const major = release["VERSION_ID"]?.split(".")[0];
  const fits = (system: OsSystem) => (system.id ?? release["ID"]) === release["ID"] && (system.major ?? major) === major;
  return family && OS_FAMILIES[family].systems.find(fits);
}
