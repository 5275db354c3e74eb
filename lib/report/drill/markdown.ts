import type { DrillReport } from "../../operations/drill/report.ts";
import { figure, STEP_TITLES, seconds, unitOf } from "./words.ts";

const COLUMNS = ["acknowledged", "lost", "failed", "unknown", "gap", "gap-read", "floor", "p99-before", "p99-during", "p99-after"];

/** A table of all, and a section for each. */
export function formatMarkdown(drills: readonly DrillReport[]): string {
  return [
    `| drill | lab | Redis | verdict | ${COLUMNS.join(" | ")} |`,
    `| --- | --- | --- | --- | ${COLUMNS.map(() => "---:").join(" | ")} |`,
    ...drills.map(
      ({ drill, lab, layout, version, verdict, figures }) =>
        `| ${text(drill ?? "load")} | ${text(lab)} (${text(layout)}) | ${text(version)} | ${verdict.outcome} | ${COLUMNS.map((name) => (figures[name] === undefined ? "" : figure(figures[name], unitOf(name)))).join(" | ")} |`,
    ),
    ...drills.flatMap(section),
  ].join("\n");
}

function section({ drill, lab, verdict, because, timeline, folder, seed }: DrillReport): readonly string[] {
  return [
    "",
    `## ${text(drill ?? "load")} on ${text(lab)}: ${verdict.outcome}`,
    "",
    ...verdict.reasons.map((reason) => `- ${text(reason)}`),
    ...(verdict.expectations.length === 0
      ? []
      : [
          `- expected: \`${verdict.expectations
            .map(({ expectation }) => expectation)
            .join(",")
            .replaceAll("`", "'")}\``,
        ]),
    ...because.map((each) => `- because ${text(each)}`),
    `- seed ${seed}; again: \`redis-lab drill check ${folder.replaceAll("`", "'")}\``,
    "",
    "| after the fault | what | who says so |",
    "| ---: | --- | --- |",
    ...timeline.map(
      ({ step, atMs, node = "", text: said, source }) =>
        `| ${seconds(atMs)} | ${STEP_TITLES[step]}${said === "" ? "" : `: ${text(said)}`} | ${text(node)} (${source}) |`,
    ),
  ];
}

/** What servers and files say must not become a part of the page. */
function text(value: string): string {
  return value.replaceAll(/[\\`*_{}[\]<>|#]/g, "\\$&").replaceAll(/\s+/g, " ");
}
