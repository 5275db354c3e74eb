/** What an instance runs as. */
export type ProgramKind = "redis" | "sentinel";

/** In what a redis-server and a sentinel, which are one program, differ as processes. */
export interface ProgramRow {
  /** For people, after the title of the product, in the description of a unit. */
  readonly titleSuffix: "" | " Sentinel";
  /** The port on which names go without a port. */
  readonly usualPort: number;
  /** systemd unit, and runtime folder below /run. */
  readonly unit: string;
  /** Beginning of the names of its configuration, log and pid file. */
  readonly files: string;
  /** The option with which it is started, after its file; undefined for none: CONFIG REWRITE would write it into the file. */
  readonly option: "--sentinel" | undefined;
  /** Works in a folder of its own. Others share the data folder, where the port is part of every name. */
  readonly ownFolder: boolean;
  /** Clients give the lab's password: in every version, or in those that say so of their sentinels (`words.sentinel.takesPassword`). */
  readonly takesPassword: "always" | "by-version";
  /** The settings of the lab, and of an instance, are for it. */
  readonly takesSettings: boolean;
  /** Ended first where several end, so that none of them acts on the end of the others. */
  readonly endsFirst: boolean;
}

export const PROGRAMS: { readonly [K in ProgramKind]: ProgramRow } = {
  redis: {
    titleSuffix: "",
    usualPort: 6379,
    unit: "redis",
    files: "redis",
    option: undefined,
    ownFolder: false,
    takesPassword: "always",
    takesSettings: true,
    endsFirst: false,
  },
  sentinel: {
    titleSuffix: " Sentinel",
    usualPort: 26379,
    unit: "redis-sentinel",
    files: "sentinel",
    option: "--sentinel",
    ownFolder: true,
    takesPassword: "by-version",
    takesSettings: false,
    endsFirst: true,
  },
};
