// The end of .ci/run, from what its stages left in a folder: the time of each, what failed and why, and "N passed, N failed". Exit code 1 when anything failed.
// It comes last, as the beginning of a long log is what gets lost.
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

const [folder = "", seconds = ""] = process.argv.slice(2);
/** Of a reason, in characters. */
const LONGEST = 2000;

const read = (name) => {
  try {
    return readFileSync(`${folder}/${name}`, "utf8");
  } catch {
    return undefined;
  }
};
const stages = (read("stages") ?? "")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"))
  .map(([key, time, status, name]) => ({ key, time: Number(time), status: Number(status), name }));

/** What vitest counted; undefined for a stage without tests, and "none" where it did not come to its end. */
function countsOf(key) {
  const text = read(`${key}.json`);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return "none";
  }
}

/** Where in vitest a test was called from says nothing about it. */
function withoutFrames(message) {
  return message
    .split("\n")
    .filter((line) => !line.includes("/node_modules/") && line.trim() !== "at new Promise (<anonymous>)")
    .join("\n");
}

let passed = 0;
let failed = 0;
const reasons = [];
for (const { key, status, name } of stages) {
  const counts = countsOf(key);
  const before = { failed, reasons: reasons.length };
  if (typeof counts === "object") {
    passed += counts.numPassedTests;
    failed += counts.numFailedTests;
    for (const { name: file, assertionResults = [], message = "" } of counts.testResults ?? []) {
      const broken = assertionResults.filter((test) => test.status === "failed");
      for (const { fullName, failureMessages } of broken)
        reasons.push(`${name}: ${file}: ${fullName}\n${withoutFrames(failureMessages.join("\n")).slice(0, LONGEST)}`);
      if (broken.length === 0 && message !== "") reasons.push(`${name}: ${file}: ${message.slice(0, LONGEST)}`);
    }
  }
  if (status === 0 && counts !== "none") continue;
  // A red stage never ends in a green line. One that names no test (types, a time-out, a crash) is one failure, and its last words are the reason.
  if (failed === before.failed) failed += 1;
  if (reasons.length === before.reasons) {
    const ended = status === 124 ? "was stopped at its time limit" : `ended with ${status}`;
    reasons.push(
      `${name}: ${ended}. Its last lines:\n${stripVTControlCharacters(read(`${key}.log`) ?? "")
        .trimEnd()
        .slice(-LONGEST)}`,
    );
  }
}

console.log(
  `\n== stages\n${stages.map(({ name, time, status }) => `${String(time).padStart(6)} s  ${name}${status === 0 ? "" : "  FAILED"}`).join("\n")}`,
);
console.log(`${seconds.padStart(6)} s  all`);
for (const reason of reasons) console.log(`\n== failed in ${reason}`);
console.log(`${failed > 0 ? "\n" : ""}${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
