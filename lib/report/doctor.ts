import type { Diagnosis } from "../operations/doctor/doctor.ts";
import type { DoctorFinding } from "../operations/doctor/finding.ts";
import { colours as pc } from "./colours.ts";

const MARK = { problem: pc.red("✗"), warning: pc.yellow("!"), note: pc.dim("·") } as const;

/** One line a check; findings below it, those that say the same of several subjects together. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const lines = diagnosis.checks.flatMap((check) => {
    const findings = diagnosis.findings.filter((each) => each.check === check);
    const worst = (["problem", "warning", "note"] as const).find((severity) => findings.some((each) => each.severity === severity));
    return [`${worst === undefined ? pc.green("✓") : MARK[worst]} ${check}`, ...together(findings).map((line) => `    ${line}`)];
  });
  const count = (severity: DoctorFinding["severity"]) => diagnosis.findings.filter((each) => each.severity === severity).length;
  return [
    ...lines,
    ...(diagnosis.notApplicable.length === 0
      ? []
      : [pc.dim(`not applicable on ${diagnosis.target}: ${diagnosis.notApplicable.join(", ")}`)]),
    "",
    `${diagnosis.lab} on ${diagnosis.target}: ${count("problem")} problems, ${count("warning")} warnings, ${count("note")} notes`,
  ].join("\n");
}

function together(findings: readonly DoctorFinding[]): readonly string[] {
  const groups = new Map<string, DoctorFinding[]>();
  for (const each of findings) {
    const key = `${each.severity}\n${each.text}\n${each.next ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group;
    const subjects = group.flatMap(({ subject }) => (subject === undefined ? [] : [subject]));
    if (first === undefined) return "";
    return `${MARK[first.severity]} ${subjects.length === 0 ? "" : `${subjects.join(", ")}: `}${first.text}${first.next === undefined ? "" : `\n      ${first.next}`}`;
  });
}
