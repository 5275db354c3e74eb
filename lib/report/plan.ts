import type { LabPlan } from "../operations/plan.ts";
import { colours as pc } from "./colours.ts";
import { formatFindings } from "./status.ts";

/** A plan for people: per host its changes with diffs, then the instances to reconfigure or restart, then the layout, and a last line with the count. */
export function formatPlan(plan: LabPlan): string {
  const hosts = plan.hosts.flatMap((host) => {
    const lines = [
      ...host.refusals.map(({ text, next }) => `  ${pc.red("refused")} ${text}\n          ${next}`),
      ...host.changes.flatMap(({ reason, step, summary, diff }) => [`  ${sign(reason)} ${step.padEnd(15)} ${summary}`, ...indent(diff)]),
      ...host.reconfigure.flatMap(({ instance, live, restart, diff }) => [
        `  ${pc.yellow("~")} ${"configuration".padEnd(15)} ${instance}: ${[...(live.length > 0 ? [`${live.join(", ")} at once`] : []), ...(restart.length > 0 ? [`${restart.join(", ")} by a restart`] : [])].join("; ")}`,
        ...indent(diff),
      ]),
      ...host.restarts.map(({ instance, reason }) => `  ${pc.yellow("±")} ${"restart".padEnd(15)} ${instance}: ${reason}`),
    ];
    const notes = host.notes.map((note) => `  ${pc.dim("·")} ${"note".padEnd(15)} ${note}`);
    return lines.length + notes.length === 0 ? [] : [pc.bold(host.host), ...lines, ...notes];
  });
  return [
    ...plan.unreachable.map(({ host, error }) => `${pc.bold(host)}\n  ${pc.red("unreachable")} ${error.split("\n")[0] ?? ""}`),
    ...hosts,
    ...(plan.layout.actions.length === 0
      ? []
      : [
          pc.bold(`${plan.lab} (${plan.kind})`),
          ...plan.layout.actions.map(({ summary }) => `  ${pc.green("+")} ${"layout".padEnd(15)} ${summary}`),
        ]),
    ...formatFindings(plan.layout.findings),
    `${plan.lab} on ${plan.target}: ${plan.changes === 0 ? "nothing to change" : `${plan.changes} to change`}`,
  ].join("\n");
}

function sign(reason: string): string {
  return reason === "absent" || reason === "stopped" ? pc.green("+") : reason === "obsolete" ? pc.red("-") : pc.yellow("~");
}

function indent(diff: string | undefined): readonly string[] {
  if (diff === undefined || diff === "") return [];
  return diff
    .trimEnd()
    .split("\n")
    .map((line) => `      ${line.startsWith("+") ? pc.green(line) : line.startsWith("-") ? pc.red(line) : pc.dim(line)}`);
}
