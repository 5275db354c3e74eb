import type { DoctorReport } from "../operations/doctor/doctor.ts";
import type { DoctorFinding } from "../operations/doctor/finding.ts";
import { colours as pc } from "./colours.ts";

const MARK = { problem: pc.red("✗"), warning: pc.yellow("!"), note: pc.dim("·") } as const;

/** One line a check; findings below it, those that say the same of several subjects together. */
export function formatDoctorReport(report: DoctorReport): string {
  const lines = report.checks.flatMap((check) => {
    const findings = report.findings.filter((each) => each.check === check);
    const worst = (["problem", "warning", "note"] as const).find((severity) => findings.some((each) => each.severity === severity));
    return [`${worst === undefined ? pc.green("✓") : MARK[worst]} ${check}`, ...together(findings).map((line) => `    ${line}`)];
  });
  const count = (severity: DoctorFinding["severity"]) => report.findings.filter((each) => each.severity === severity).length;
  return [
    ...lines,
    ...(report.notLookedAt.length === 0 ? [] : [pc.yellow(`not looked at, as nothing answered: ${report.notLookedAt.join(", ")}`)]),
    ...(report.notApplicable.length === 0 ? [] : [pc.dim(`not applicable on ${report.target}: ${report.notApplicable.join(", ")}`)]),
    "",
    `${report.lab} on ${report.target}: ${count("problem")} problems, ${count("warning")} warnings, ${count("note")} notes`,
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
    // Most texts of the layout name their instance themselves.
    const named = subjects.length === 0 || (subjects.length === 1 && first.text.startsWith(subjects[0] ?? ""));
    return `${MARK[first.severity]} ${named ? "" : `${subjects.join(", ")}: `}${first.text}${first.next === undefined ? "" : `\n      ${first.next}`}`;
  });
}
