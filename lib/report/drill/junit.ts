import type { DrillReport } from "../../operations/drill/report.ts";

/** JUnit XML, as CI systems read it: a suite for each lab, a case for each run, and one for each check in it that says something. */
export function formatJunit(drills: readonly DrillReport[]): string {
  const labs = [...new Set(drills.map(({ lab }) => lab))];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    ...labs.flatMap((lab) =>
      suite(
        lab,
        drills.filter((each) => each.lab === lab),
      ),
    ),
    "</testsuites>",
  ].join("\n");
}

function suite(lab: string, drills: readonly DrillReport[]): readonly string[] {
  const count = (outcome: DrillReport["verdict"]["outcome"]) => drills.filter(({ verdict }) => verdict.outcome === outcome).length;
  return [
    `  <testsuite name="${attribute(lab)}" tests="${drills.length}" failures="${count("failed")}" skipped="${count("interrupted")}">`,
    ...drills.flatMap(testCase),
    "  </testsuite>",
  ];
}

function testCase({ drill, layout, version, seed, verdict, figures, folder, startedAt }: DrillReport): readonly string[] {
  const reasons = verdict.reasons.join("\n");
  const outcome = {
    passed: [],
    failed: [`      <failure message="${attribute(verdict.reasons[0] ?? "failed")}">${escaped(reasons)}</failure>`],
    interrupted: [`      <skipped message="${attribute(verdict.reasons[0] ?? "interrupted")}"/>`],
  }[verdict.outcome];
  return [
    `    <testcase name="${attribute(`${drill ?? "load"} (seed ${seed})`)}" classname="${attribute(`${layout}.${version}`)}" timestamp="${attribute(startedAt)}">`,
    "      <properties>",
    ...Object.entries(figures).map(([name, value]) => `        <property name="${attribute(name)}" value="${value}"/>`),
    "      </properties>",
    ...outcome,
    `      <system-out>${escaped(folder)}</system-out>`,
    "    </testcase>",
  ];
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** Characters that XML 1.0 does not have: they stand in no document. */
const NOT_IN_XML = /[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function escaped(text: string): string {
  return text.replace(NOT_IN_XML, "?").replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

function attribute(text: string): string {
  return escaped(text).replace(/\s+/g, " ");
}
