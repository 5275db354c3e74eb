/** The steps of the bootstrap, in the order in which they run on a host. `layout` comes after them and belongs to the engines. */
export const STEP_NAMES = [
  "package-sources",
  "packages",
  "sysctl",
  "thp",
  "user",
  "folders",
  "hosts-file",
  "build",
  "install",
  "files",
  "log-rotation",
  "selinux",
  "firewall",
  "units",
  "start",
] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** Why a change is planned; a closed set, so that output and tests can branch on it. */
export type HostChangeReason = "absent" | "different" | "obsolete" | "stopped" | "disabled" | "wrong-owner-or-mode" | "other-build";

/** One change to one host. A plan is a list of these: plain data that can be printed, saved and applied. It holds no secret: diffs are masked. */
export interface Change {
  readonly step: StepName;
  /** What is changed: a path, a package, a unit, an instance id. */
  readonly subject: string;
  readonly reason: HostChangeReason;
  /** One line for people, for example `install gcc, make`. */
  readonly summary: string;
  /** Unified diff with secrets masked, for files. */
  readonly diff?: string;
}

/** A running instance whose configuration has to change. Written and applied by the operations, in an order that keeps the layout serving. */
export interface Reconfigure {
  readonly instance: string;
  /** Directives that CONFIG SET or SENTINEL SET can change now; names only, values are in the rendered file. */
  readonly live: readonly string[];
  /** Directives that need a restart. */
  readonly restart: readonly string[];
  readonly diff: string;
}

/** A running instance that has to be restarted because its binary or unit changed. */
export interface Restart {
  readonly instance: string;
  readonly reason: "other-build" | "unit-changed" | "configuration";
}

/** Everything that `up` would do to one host. Empty lists mean: nothing. */
export interface HostPlan {
  readonly host: string;
  readonly changes: readonly Change[];
  readonly reconfigure: readonly Reconfigure[];
  readonly restarts: readonly Restart[];
  /** Steps that this target does not have, with the reason. */
  readonly notApplicable: readonly { readonly step: StepName; readonly why: string }[];
  /** What could not be set or was left alone, for example a read-only sysctl in a container; one line each, nothing to do. */
  readonly notes: readonly string[];
  /** What must be fixed by hand before anything is touched: port taken by a stranger, no space, not enough memory … */
  readonly refusals: readonly { readonly code: string; readonly text: string; readonly next: string }[];
}
