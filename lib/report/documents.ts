import type { ErrorKind } from "../base/error.ts";
import type { Inventory } from "../lab/inventory.ts";
import type { CleanedLoads } from "../operations/clean-loads.ts";
import type { ChangeReport } from "../operations/cluster/change.ts";
import type { CheckReport } from "../operations/cluster/check.ts";
import type { RecoveryReport } from "../operations/cluster/fix-and-resume.ts";
import type { ReplaceReport, ResetReport } from "../operations/cluster/members.ts";
import type { DifferenceReport, TopologyReport, WaitReport } from "../operations/cluster/read.ts";
import type { DoctorReport } from "../operations/doctor/doctor.ts";
import type { DownReport } from "../operations/down.ts";
import type { ListedDrill } from "../operations/drill/fits.ts";
import type { MatrixReport } from "../operations/drill/matrix.ts";
import type { DrillReport } from "../operations/drill/report.ts";
import type { DrillRunReport } from "../operations/drill/run.ts";
import type { ExecReport } from "../operations/exec.ts";
import type { FailoverReport } from "../operations/failover.ts";
import type { FaultReport, HealVerbReport, OpenFaultsReport } from "../operations/fault-verbs.ts";
import type { InstancesReport } from "../operations/instances.ts";
import type { LeaveReport } from "../operations/leaving/leave.ts";
import type { ListedLab } from "../operations/list.ts";
import type { LoadReport } from "../operations/load.ts";
import type { OrphansReport } from "../operations/local-orphans.ts";
import type { LabPlan } from "../operations/plan.ts";
import type { Status } from "../operations/status.ts";
import type { UpReport } from "../operations/up.ts";
import type { RollingReport } from "../operations/vms/hardware.ts";
import type { PreflightReport } from "../operations/vms/preflight.ts";
import type { RebuildReport } from "../operations/vms/rebuild.ts";
import type { Scaffold } from "../project/scaffold.ts";
import type { BackupReport } from "../transfer/backup.ts";
import type { RestoreReport } from "../transfer/restore.ts";
import type { ImportedKey, ImportReport } from "../transfer/types.ts";
import type { BackupCheck } from "../transfer/verify.ts";
import type { ListedFault } from "./fault.ts";

// The one table of what `--json` prints: by verb, what it finds or did. A verb prints what stands here or does not compile, and the schemas in docs/reference/json are generated from it.

/** What the verbs of a lab put into their documents, besides the labels. */
export interface LabResults {
  readonly up: UpReport;
  readonly plan: LabPlan;
  /** With `--watch` one document a line. */
  readonly status: Status;
  readonly down: DownReport | OrphansReport;
  readonly rebuild: WipedReport | RebuildReport | RollingReport;
  readonly failover: FailoverReport;
  readonly load: LoadReport | CleanedLoads;
  readonly leave: LeaveReport;
  readonly preflight: PreflightReport;
  readonly render: RenderReport;
  readonly inventory: Inventory;
  readonly env: EnvReport;
  readonly doctor: DoctorReport & DoctorFix;
  readonly stop: InstancesReport;
  readonly start: InstancesReport;
  readonly restart: InstancesReport;
  readonly kill: InstancesReport;
  readonly exec: ExecReport;
  readonly fault: FaultReport | OpenFaultsReport | FaultListReport;
  readonly heal: HealVerbReport;
  readonly apply: ChangeReport;
  readonly "cluster check": CheckReport;
  readonly "cluster info": InfoReport;
  readonly "cluster topology": TopologyReport;
  readonly "cluster diff": DifferenceReport;
  readonly "cluster wait": WaitReport;
  readonly "cluster create": ChangeReport;
  readonly "cluster fix": RecoveryReport;
  readonly "cluster reshard": ChangeReport;
  readonly "cluster rebalance": ChangeReport;
  readonly "cluster drain": ChangeReport;
  readonly "cluster add-node": ChangeReport;
  readonly "cluster del-node": ChangeReport;
  readonly "cluster replace-node": ReplaceReport;
  readonly "cluster replicate": ChangeReport;
  readonly "cluster failover": ChangeReport;
  readonly "cluster failback": ChangeReport;
  readonly "cluster reset": ResetReport;
  readonly "cluster resume": RecoveryReport;
  readonly "cluster rollback": RecoveryReport;
  readonly "cluster import": ImportDocument;
  readonly "cluster backup": BackupReport | BackupCheck;
  readonly "cluster restore": RestoreDocument;
  readonly "cluster set-timeout": ChangeReport;
  readonly "cluster call": CallReport;
  readonly "drill list": DrillListReport;
  readonly "drill run": DrillsReport;
  readonly "drill matrix": MatrixReport;
}

/** The same of verbs that are given no lab. */
export interface OwnResults {
  readonly list: ListReport;
  readonly init: Scaffold;
  readonly completion: CompletionReport;
  readonly "drill check": DrillReport;
  readonly "drill report": HistoriesReport;
}

export interface DrillListReport {
  readonly drills: readonly ListedDrill[];
  /** What an expectation can name. */
  readonly figures: readonly FigureDocument[];
}

export interface FigureDocument {
  readonly name: string;
  readonly about: string;
  readonly unit: "count" | "ms" | "bytes" | "ratio";
}

export interface DrillsReport {
  /** In the order in which they were asked for. */
  readonly drills: readonly DrillRunReport[];
}

export interface HistoriesReport {
  readonly drills: readonly DrillReport[];
}

/** What `rebuild` did where the hosts are not VMs; without `up` where something could not be stopped. */
export interface WipedReport {
  readonly down: DownReport;
  readonly up?: UpReport | undefined;
}

export interface RenderReport {
  readonly files: readonly {
    readonly host: string;
    /** On the host. */
    readonly path: string;
    /** Where it was written, absolute. */
    readonly file: string;
    /** Four octal digits. */
    readonly mode: string;
    readonly owner: string;
  }[];
}

export interface EnvReport {
  /** By name. Those that hold the password are left out without `--secrets`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Names of the variables that were left out. */
  readonly hidden: readonly string[];
}

export interface DoctorFix {
  /** What was removed, as sentences; left out without `--fix`. */
  readonly fixed?: readonly string[] | undefined;
}

/** The masters, and the members that give no answer. */
export interface InfoReport extends Pick<CheckReport, "absent"> {
  readonly masters: CheckReport["nodes"];
}

export interface CallReport {
  readonly replies: readonly {
    readonly instance: string;
    /** As RESP has it. An instance that gives no answer has an `error`. */
    readonly type: string;
    /** Integers beyond what JSON holds are text. */
    readonly value: unknown;
  }[];
}

/** With `--list`. */
export interface FaultListReport {
  readonly faults: readonly ListedFault[];
}

export interface ListReport {
  readonly labs: readonly ListedLab[];
}

export interface CompletionReport {
  readonly shell: "bash" | "zsh" | "fish";
  /** The script that was written, absolute. */
  readonly file: string;
  /** The start-up file that names it; left out where the shell finds it by itself. */
  readonly startup: string | undefined;
}

/** What was imported. */
export interface ImportDocument extends Omit<ImportReport, "left"> {
  /** Keys that are not in the cluster as they are at the source: the first hundred. */
  readonly left: readonly KeyDocument[];
}

/** A key that was left, and why. */
export interface KeyDocument extends Pick<ImportedKey, "database" | "outcome"> {
  /** As UTF-8, which says little of a key that is none. */
  readonly key: string;
  /** Its bytes. */
  readonly base64: string;
  /** Instance id of the master of its slot; left out where it did not come to that. */
  readonly target: string | undefined;
}

/** What a backup brought. */
export interface RestoreDocument extends Omit<RestoreReport, "files"> {
  /** By file of the backup. */
  readonly files: Readonly<Record<string, ImportDocument>>;
}

/** Of which lab and target a document speaks, as far as that was known. */
export interface Subject {
  readonly lab?: string | undefined;
  readonly target?: string | undefined;
}

/** What every verb prints under `--json` where it ends with an error, wrong use included. */
export interface ErrorDocument extends Labels, Subject {
  readonly error: {
    /** Stable name of the case, for example `lab.duplicate-address`: what a program branches on. */
    readonly code: string;
    readonly kind: ErrorKind;
    /** What happened, with the value that was received. */
    readonly what: string;
    readonly why?: string | undefined;
    /** What to do, as a command wherever there is one; left out for a defect. */
    readonly next?: string | undefined;
  };
}

/** What every document begins with. */
export interface Labels {
  /** Number of the format. A field that comes changes nothing; one that goes, or means something else, makes it the next. */
  readonly format: 1;
}

/** What the document of a lab begins with. */
export interface LabLabels extends Labels {
  /** Name of the lab. */
  readonly lab: string;
  /** Where it runs. */
  readonly target: string;
}

/** By verb: what it finds or did. */
export type Results = LabResults & OwnResults;
export type DocumentVerb = keyof Results;

/** By verb: the document of `--json`; and the one that every verb prints instead where it ends with an error. */
export type Documents = { readonly [Verb in keyof LabResults]: LabLabels & LabResults[Verb] } & {
  readonly [Verb in keyof OwnResults]: Labels & OwnResults[Verb];
} & { readonly error: ErrorDocument };
