import { join } from "node:path";
import { readIfPresent } from "../../base/atomic.ts";
import { errnoOf } from "../../base/errors.ts";
import { damagedHistory, notAHistory } from "../errors.ts";
import type { EventLine, FinalLine, FinalState, HistoryHeader, OperationLine } from "../history.ts";
import { parseEvent, parseFinal, parseHeader, parseState } from "./documents.ts";
import { linesOf } from "./lines.ts";
import { parseOperation } from "./operation-line.ts";

/** Names of the files of a history. */
export const HISTORY_FILES = {
  header: "header.json",
  operations: "operations.jsonl",
  events: "events.jsonl",
  final: "final.jsonl",
  state: "state.json",
  report: "report.json",
} as const;

/** A history on disk. Everything in it is checked as it is read. */
export interface HistoryFolder {
  readonly folder: string;
  readonly header: HistoryHeader;
  /** In the order of time. */
  readonly events: readonly EventLine[];
  readonly state: FinalState | undefined;
  /** In their order, in batches. */
  operations(): AsyncIterable<readonly OperationLine[]>;
  /** Undefined where the run did not come to its end. */
  final(): AsyncIterable<readonly FinalLine[]>;
  /** There are final values. */
  readonly hasFinal: boolean;
}

/** Events that a history may hold: a lab of a hundred nodes that is watched for an hour has a tenth of them. */
const MOST_EVENTS = 1_000_000;

/** @throws LabError `drill.not-a-history`, `drill.damaged-history` */
export async function openHistory(folder: string): Promise<HistoryFolder> {
  const text = await readIfPresent(join(folder, HISTORY_FILES.header)).catch((error: unknown) => {
    throw notAHistory(folder, `${HISTORY_FILES.header} can't be read (${errnoOf(error) ?? "no file"})`);
  });
  if (text === undefined) throw notAHistory(folder, `it has no ${HISTORY_FILES.header}`);
  const header = parseHeader(text);
  if (typeof header === "string") throw notAHistory(folder, `${HISTORY_FILES.header}: ${header}`);
  const events: EventLine[] = [];
  for await (const batch of parsedLines(join(folder, HISTORY_FILES.events), parseEvent, "optional")) {
    events.push(...batch);
    if (events.length > MOST_EVENTS) throw notAHistory(folder, `${HISTORY_FILES.events} has more than ${MOST_EVENTS} lines`);
  }
  const stateText = await readIfPresent(join(folder, HISTORY_FILES.state));
  const state = stateText === undefined ? undefined : parseState(stateText);
  if (typeof state === "string") throw damagedHistory(join(folder, HISTORY_FILES.state), 1, state);
  const finalFile = join(folder, HISTORY_FILES.final);
  return {
    folder,
    header,
    events: events.sort((a, b) => a.t - b.t),
    state,
    operations: () => parsedLines(join(folder, HISTORY_FILES.operations), parseOperation, "needed"),
    final: () => parsedLines(finalFile, parseFinal, "optional"),
    hasFinal: await exists(finalFile),
  };
}

async function exists(file: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function* parsedLines<T extends object>(
  file: string,
  parse: (text: string) => T | string,
  presence: "needed" | "optional",
): AsyncGenerator<readonly T[]> {
  try {
    for await (const batch of linesOf(file)) {
      const values: T[] = [];
      for (const { text, line, torn } of batch) {
        const value = parse(text);
        if (typeof value !== "string") values.push(value);
        // Its writer was killed in the middle of it, so nothing that it says has counted.
        else if (!torn) throw damagedHistory(file, line, value);
      }
      yield values;
    }
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    if (presence === "needed") throw notAHistory(file, "there is no such file");
  }
}
