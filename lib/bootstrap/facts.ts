import type { OsRelease } from "../lab/os.ts";
import type { Version } from "../redis/version.ts";

/** What a host is and has at one moment, as one script saw it. Holds the text of configuration files, so it is never printed as it is. */
export interface HostFacts {
  readonly host: string;
  /** ID, VERSION_ID, PRETTY_NAME and ID_LIKE of /etc/os-release; empty strings where it says nothing. */
  readonly os: OsRelease;
  /** `uname -m`, for example `x86_64`. */
  readonly arch: string;
  /** For example `glibc 2.17` or `musl`. */
  readonly libc: string;
  readonly kernel: string;
  /** User id of the process that looked: 0 where the host is managed. */
  readonly uid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Major version of the systemd that runs the host; undefined where none does. */
  readonly systemd: number | undefined;
  readonly selinux: "enforcing" | "permissive" | "disabled";
  readonly firewalld: {
    readonly running: boolean /** `port/protocol` of the default zone, from its file. */;
    readonly ports: readonly string[];
  };
  /** The selected mode of transparent huge pages; undefined where the kernel has none. */
  readonly thp: { readonly mode: string; readonly writable: boolean } | undefined;
  /** The lab's unit that sets them at boot, as systemd has it; undefined where it has none or was not asked. */
  readonly thpUnit: Pick<UnitFact, "enabled" | "needsReload"> | undefined;
  /** Hard limit of open files of the login; Infinity for unlimited. */
  readonly noFileHard: number;
  readonly sysctl: ReadonlyMap<string, { readonly value: string; readonly writable: boolean }>;
  /** Lines of the administrator's sysctl files that name one of the lab's settings: /etc/sysctl.conf, and the folder whose files are read in the order of their names. */
  readonly sysctlLines: readonly { readonly path: string; readonly line: number; readonly name: string; readonly value: string }[];
  readonly memoryMiB: number;
  readonly swapMiB: number;
  /** Free space in MiB for the user that looked: below the prefix, and where builds happen. */
  readonly freeMiB: { readonly prefix: number; readonly build: number };
  /** Milliseconds since the epoch on the host's clock. */
  readonly clockMs: number;
  /** Commands, of those asked for, that exist. */
  readonly commands: ReadonlySet<string>;
  /** Packages, of those asked for, that are installed, or that an installed one provides. */
  readonly packages: ReadonlySet<string>;
  /** The lab's user; undefined where there is none (or where hosts are not managed). */
  readonly user: { readonly uid: number; readonly home: string; readonly shell: string; readonly group: string } | undefined;
  /** Whether a group with the name of the lab's user exists. */
  readonly group: boolean;
  /** Whatever exists of the paths asked for: folders, managed files, links. */
  readonly paths: ReadonlyMap<string, PathFact>;
  /** Text of the managed files that exist. */
  readonly files: ReadonlyMap<string, string>;
  /** Package source files of archived releases, which name servers that are gone. */
  readonly repositories: readonly string[];
  /** What is in `bin` where that is a real folder and not redis-lab's link. */
  readonly binFolder: readonly string[] | undefined;
  /** SELinux context of the installed redis-server. */
  readonly label: string | undefined;
  readonly build: BuildStamp | undefined;
  readonly applied: AppliedStamp;
  /** Instance id → its process. */
  readonly instances: ReadonlyMap<string, InstanceFact>;
  /** Labs that have configurations in this host's folder for them. */
  readonly labs: ReadonlySet<string>;
  /** Who listens on a port of the lab without being a proven process of ours. */
  readonly foreignListeners: readonly Listener[];
  /** What could not be read as it should, for example a corrupt stamp. Not fatal. */
  readonly problems: readonly string[];
}

export interface PathFact {
  readonly kind: "file" | "folder" | "link" | "other";
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly bytes: number;
  /** Seconds since the epoch. */
  readonly modified: number;
  /** Where a link points, as written. */
  readonly target?: string;
}

/** Manifest of the installed build, `PREFIX/bin/build.json`. */
export interface BuildStamp {
  readonly key: string;
  readonly version: Version;
  /** File → size in bytes. */
  readonly files: Readonly<Record<string, number>>;
}

/** What redis-lab last wrote on the host, `PREFIX/.redis-lab/applied.json`: path → directives that are ours in it. */
export interface AppliedStamp {
  /** Folders that redis-lab made; only these are ever removed as a whole. */
  readonly folders: readonly string[];
  /** Packages that were installed under a name that the package database does not know and can't be asked for. */
  readonly packages: readonly string[];
  /** Values that the running kernel had before redis-lab set others, by the name of the sysctl or the path of the file. */
  readonly kernel: Readonly<Record<string, string>>;
  /** `port/protocol` that redis-lab opened in firewalld, where it was closed before. */
  readonly ports?: readonly string[];
  readonly files: Readonly<Record<string, { readonly owned: readonly string[] }>>;
}

/** A process, named for good: `start` is its start time in clock ticks since boot, and `boot` the id of that boot. With its executable it is proven to be ours. */
export interface ProcessProof {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
}

export interface InstanceFact {
  readonly process: (ProcessProof & { readonly exe: string; readonly cwd: string; readonly command: string }) | undefined;
  /** How the process, which always runs a build of ours, is known: its unit, the record of its start, its pid file, or that it listens on our port. */
  readonly provenBy: "unit" | "pid-file" | "record" | "listener" | undefined;
  /** Key of the build that the process was started from, where its executable's path tells. */
  readonly buildKey: string | undefined;
  /** The pid file names a process that is gone or not ours. */
  readonly stalePidFile: boolean;
  /** What systemd has under the name of the instance's unit, whatever made it; undefined where no systemd was asked. */
  readonly unit: UnitFact | undefined;
  /** Why this very process still has to be restarted; the mark of an earlier process does not count. */
  readonly restartPending: "unit-changed" | "configuration" | undefined;
}

/** A unit as systemd has it. */
export interface UnitFact {
  /** Its own name, with `.service`: another one than that of our unit where ours is taken by an alias. */
  readonly name: string;
  /** The file that it was read from; empty where there is none. */
  readonly file: string;
  /** `not-found` where there is no such unit. */
  readonly loadState: string;
  /** The lab whose marker the file carries; undefined for a unit of others. */
  readonly lab: string | undefined;
  readonly main: InstanceFact["process"];
  readonly activeState: string;
  readonly subState: string;
  readonly enabled: boolean;
  readonly needsReload: boolean;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly uid: number;
  readonly pid: number | undefined;
  readonly command: string | undefined;
  readonly exe: string | undefined;
  /** systemd's unit that it belongs to, where that is a service. */
  readonly unit: string | undefined;
}
