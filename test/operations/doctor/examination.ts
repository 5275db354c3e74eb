import type { TargetCapabilities } from "../../../lib/lab/targets.ts";
import type { Examination } from "../../../lib/operations/doctor/check.ts";
import { type DoctorCheckName, runChecks } from "../../../lib/operations/doctor/checks.ts";
import type { DoctorFinding } from "../../../lib/operations/doctor/finding.ts";
import type { Status } from "../../../lib/operations/status.ts";
import { managedPlacement } from "../../bootstrap/managed.ts";

export const STATUS: Status = {
  lab: "pure",
  target: "ssh",
  layout: "cluster",
  declaredVersion: "4.0.14",
  healthy: true,
  rows: [],
  findings: [],
};

/** Nothing was seen but what a test says. */
export function examination(seen: Partial<Omit<Examination, "lab">> & { readonly lab?: Partial<Examination["lab"]> }): Examination {
  return {
    hosts: [],
    instances: [],
    hypervisors: [],
    vms: [],
    ...seen,
    lab: { placement: managedPlacement, status: STATUS, ports: [], unreachable: [], faults: [], people: [], ...seen.lab },
  };
}

/** What all checks of the table find in it. */
export function findingsIn(
  seen: Parameters<typeof examination>[0],
  capabilities: TargetCapabilities = managedPlacement.capabilities,
): readonly DoctorFinding<DoctorCheckName>[] {
  return runChecks(examination(seen), capabilities).findings;
}
