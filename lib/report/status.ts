import type { Finding } from "../base/finding.ts";
import { LAYOUTS } from "../lab/layouts.ts";
import type { Status, StatusRow } from "../operations/status.ts";
import { colours as pc } from "./colours.ts";
import { shortRanges } from "./ranges.ts";
import { formatTable, type TableOptions } from "./table.ts";

/** The table of a lab, its findings, and a last line that says whether it is healthy. */
export function formatStatus(
  status: Status,
  options: TableOptions & { /** Instances whose rows are marked. */ readonly changed?: ReadonlySet<string> },
): string {
  const replaced = status.rows.some(({ version }) => version !== "" && version !== status.declaredVersion);
  return [
    formatTable<StatusRow>(
      status.rows,
      [
        { title: "HOST", cell: ({ host, instance }) => (options.changed?.has(instance) === true ? pc.inverse(host) : host) },
        { title: "INSTANCE", cell: ({ address }) => address },
        {
          title: "ROLE",
          cell: ({ role, state }) => (state === "up" ? role : pc.red(`${role} (${state})`)),
          short: ({ role, state }) => (state === "up" ? role : pc.red(role === "unknown" ? state : `${role} (${state})`)),
        },
        ...(LAYOUTS[status.layout].hasSlots
          ? [
              {
                title: "SLOTS",
                cell: ({ slots, slotCount }: StatusRow) =>
                  slotCount === 0 ? "-" : `${options.terminal ? shortRanges(slots.split(",")) : slots} (${slotCount})`,
                short: ({ slots, slotCount }: StatusRow) => (slotCount === 0 ? "-" : shortRanges(slots.split(","))),
              },
            ]
          : []),
        { title: "MASTER", cell: ({ master }) => (master === "" ? "-" : master) },
        {
          title: "VERSION",
          optional: true,
          cell: ({ version }) => (version === "" ? "-" : version === status.declaredVersion ? version : pc.yellow(version)),
        },
        { title: "NOTE", cell: ({ note }) => note },
      ],
      options,
    ),
    "",
    ...formatFindings(status.findings),
    ...(replaced ? [pc.yellow(`The lab declares Redis ${status.declaredVersion}; another version runs.`)] : []),
    status.healthy ? pc.green(`${status.lab} on ${status.target}: healthy`) : pc.red(`${status.lab} on ${status.target}: not healthy`),
  ].join("\n");
}

/** One line a finding: severity, instance, text, and what to do. */
export function formatFindings(findings: readonly Finding[]): readonly string[] {
  const colour = { refuses: pc.red, problem: pc.red, note: pc.yellow };
  return findings.map(({ severity, instance, text, next }) =>
    [
      // Most texts name their instance themselves.
      `${colour[severity](severity === "refuses" ? "refused" : severity)}  ${instance === undefined || text.includes(instance) ? "" : `${instance}: `}${text}`,
      ...(next === undefined ? [] : [`         ${next}`]),
    ].join("\n"),
  );
}
