import type { TargetCapabilities } from "../../lab/targets.ts";
import type { DoctorCheck, Examination } from "./check.ts";
import type { DoctorFinding } from "./finding.ts";
import { clock, disk, files, firewall, hugepagesAtBoot, overcommit, selinux, swap, transparentHugepages } from "./host-checks.ts";
import { backlog, openFiles, password, settings } from "./instance-checks.ts";
import { faults, layout, otherUsers, placement, ports, reachable } from "./layout-checks.ts";
import { persistence } from "./persistence-checks.ts";
import { cloudInit, deployed, hardware, hypervisor, orphans, vm } from "./vm-checks.ts";

/** Everything that doctor looks at, in the order in which it is shown. A check is one row here, and nothing else has to know it; `npm run reference` writes README's table. */
export const DOCTOR_CHECKS = [
  hypervisor,
  vm,
  hardware,
  cloudInit,
  deployed,
  orphans,
  reachable,
  openFiles,
  transparentHugepages,
  overcommit,
  backlog,
  swap,
  disk,
  hugepagesAtBoot,
  selinux,
  firewall,
  ports,
  clock,
  password,
  settings,
  persistence,
  files,
  placement,
  otherUsers,
  faults,
  layout,
] as const satisfies readonly DoctorCheck[];

/** Names of the checks; a closed set, so that scripts can branch on it. */
export type DoctorCheckName = (typeof DOCTOR_CHECKS)[number]["name"];

/** What all checks of a target make of what was gathered. Pure. */
export interface Verdict {
  /** The checks that were made, in order; those without a finding are fine. */
  readonly checks: readonly DoctorCheckName[];
  /** Checks that had nothing to look at, as no host or no instance answered. */
  readonly notLookedAt: readonly DoctorCheckName[];
  /** Checks that this target does not have. */
  readonly notApplicable: readonly DoctorCheckName[];
  /** In the order of the checks. */
  readonly findings: readonly DoctorFinding<DoctorCheckName>[];
}

/** Makes every check that applies. Pure. */
export function runChecks(examination: Examination, capabilities: TargetCapabilities): Verdict {
  const applicable = DOCTOR_CHECKS.filter((check) => check.appliesTo(capabilities));
  const made = applicable.filter((check) => check.sees(examination));
  return {
    checks: made.map(({ name }) => name),
    notLookedAt: applicable.filter((check) => !made.includes(check)).map(({ name }) => name),
    notApplicable: DOCTOR_CHECKS.filter((check) => !check.appliesTo(capabilities)).map(({ name }) => name),
    findings: made.flatMap((check): readonly DoctorFinding<DoctorCheckName>[] => check.check(examination)),
  };
}

/** What doctor compares, as a Markdown table. */
export function checksTable(): string {
  return [
    "| check | what is as it should be |",
    "| --- | --- |",
    ...DOCTOR_CHECKS.map(({ name, about }) => `| \`${name}\` | ${about} |`),
  ].join("\n");
}
