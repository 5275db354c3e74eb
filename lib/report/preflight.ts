import { plural } from "../base/text.ts";
import type { PreflightReport } from "../operations/vms/preflight.ts";
import { colours as pc } from "./colours.ts";

/** One line a thing that was looked at; what was found below it. */
export function formatPreflight(report: PreflightReport): string {
  const lines = report.checks.flatMap(({ name, hypervisor, seen, findings }) => {
    const worst = findings.some(({ severity }) => severity === "error") ? "error" : findings.length > 0 ? "warning" : undefined;
    const mark = worst === "error" ? pc.red("✗") : worst === "warning" ? pc.yellow("!") : pc.green("✓");
    const subject = hypervisor === undefined ? name : `${hypervisor}: ${name}`;
    return [
      `${mark} ${subject}${seen === "" ? "" : pc.dim(` (${seen})`)}`,
      ...findings.flatMap(({ severity, what, why, next }) => [
        ...indented(`${severity === "error" ? pc.red("error") : pc.yellow("warning")} ${what}`),
        ...(why === undefined ? [] : indented(why)),
        ...indented(pc.bold(next)),
      ]),
    ];
  });
  const findings = report.checks.flatMap((check) => check.findings);
  const count = (severity: "error" | "warning") => {
    return plural(findings.filter((each) => each.severity === severity).length, severity);
  };
  const verdict = report.ready
    ? "ready to be deployed"
    : `can't be deployed like this${report.checks.some(({ name }) => name === "repairs") ? "" : "; nothing was changed"}`;
  return [...lines, "", `${report.lab}: ${verdict} (${count("error")}, ${count("warning")})`].join("\n");
}

function indented(text: string): readonly string[] {
  return text.split("\n").map((line) => `    ${line}`);
}
