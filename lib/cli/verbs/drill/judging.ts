import { resolve } from "node:path";
import { judgeFolder } from "../../../operations/drill/report.ts";
import { formatJunit } from "../../../report/drill/junit.ts";
import { formatMarkdown } from "../../../report/drill/markdown.ts";
import { formatDrill } from "../../../report/drill/story.ts";
import { printResult } from "../../context.ts";
import { EXIT } from "../../exit-codes.ts";
import type { OwnHost } from "../../verb.ts";

/** A text for a file is not broken at the width of the terminal; a story is made for it. */
const screen = () => ({ terminal: process.stdout.isTTY === true, width: process.stdout.columns || undefined });

export async function check(
  host: OwnHost<"drill check">,
  { expect }: { readonly expect: string | undefined },
  { history }: { readonly history: string },
): Promise<number> {
  const report = await judgeFolder(resolve(history), expect);
  printResult(host, report, formatDrill(report, screen()));
  return report.verdict.outcome === "passed" ? EXIT.done : EXIT.failed;
}

export async function report(
  host: OwnHost<"drill report">,
  { format }: { readonly format: "text" | "markdown" | "junit" },
  { histories }: { readonly histories: readonly string[] },
): Promise<number> {
  const drills = await Promise.all(histories.map((folder) => judgeFolder(resolve(folder), undefined)));
  const texts = {
    text: () => drills.map((drill) => formatDrill(drill, screen())).join("\n\n"),
    markdown: () => formatMarkdown(drills),
    junit: () => formatJunit(drills),
  };
  printResult(host, { drills }, texts[format]());
  return EXIT.done;
}
