/** What doctor looks at; a closed set, so that scripts can branch on it. */
export type DoctorCheck =
  | "hypervisor"
  | "vm"
  | "hardware"
  | "cloud-init"
  | "orphans"
  | "reachable"
  | "open-files"
  | "transparent-hugepages"
  | "overcommit"
  | "backlog"
  | "swap"
  | "rc-local"
  | "selinux"
  | "firewall"
  | "ports"
  | "clock"
  | "password"
  | "settings"
  | "files"
  | "placement"
  | "layout";

export const DOCTOR_CHECKS: readonly DoctorCheck[] = [
  "hypervisor",
  "vm",
  "hardware",
  "cloud-init",
  "orphans",
  "reachable",
  "open-files",
  "transparent-hugepages",
  "overcommit",
  "backlog",
  "swap",
  "rc-local",
  "selinux",
  "firewall",
  "ports",
  "clock",
  "password",
  "settings",
  "files",
  "placement",
  "layout",
];

/** One thing that is not as it should be. Holds no secret. */
export interface DoctorFinding {
  readonly check: DoctorCheck;
  /** `problem`: something will not work or not survive; `warning`: it works, unwisely; `note`: worth knowing. */
  readonly severity: "problem" | "warning" | "note";
  /** Host or instance id; undefined for the lab as a whole. */
  readonly subject: string | undefined;
  readonly text: string;
  readonly next?: string | undefined;
}

export function finding(
  check: DoctorCheck,
  severity: DoctorFinding["severity"],
  subject: string | undefined,
  text: string,
  next?: string,
): DoctorFinding {
  return { check, severity, subject, text, ...(next !== undefined && { next }) };
}
