import { plainText } from "../base/terminal-text.ts";
import type { HostFailure } from "../operations/host-failure.ts";
import { colours as pc } from "./colours.ts";

/** A host that failed, for people: what, why, what to do. */
export function formatHostFailure({ host, step, what, why, next }: HostFailure): string {
  return [
    ...linesOf(what).map((line, index) =>
      index === 0 ? `${pc.red("failed")}  ${host}${step === undefined ? "" : ` at ${step}`}: ${line}` : `        ${line}`,
    ),
    ...linesOf(why).map((line) => `        ${pc.dim(line)}`),
    ...linesOf(next).map((line) => `        ${line}`),
  ].join("\n");
}

function linesOf(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split("\n")
    .map((line) => plainText(line).trimEnd())
    .filter((line) => line !== "");
}
