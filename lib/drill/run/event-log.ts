import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileNotWritten } from "../../base/errors.ts";
import type { EventLine } from "../history.ts";
import { HISTORY_FILES } from "../reading/history-folder.ts";

/** `events.jsonl` while it is written: the kernel has each line before anything else happens, so that it outlives kill -9 of this process. */
export class EventLog {
  readonly #descriptor: number;
  readonly #events: EventLine[] = [];
  #failure: unknown;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** @throws LabError `file.not-written` */
  static create(folder: string): EventLog {
    const path = join(folder, HISTORY_FILES.events);
    try {
      return new EventLog(openSync(path, "ax", 0o600));
    } catch (error) {
      throw fileNotWritten(path, error, "No fault was made.");
    }
  }

  /** What was seen so far, in the order in which it was reported. */
  get events(): readonly EventLine[] {
    return this.#events;
  }

  add(event: EventLine): void {
    this.#events.push(event);
    try {
      writeSync(this.#descriptor, `${JSON.stringify(event)}\n`);
    } catch (error) {
      // What is watched goes on; that its history is not whole is reported at the end.
      this.#failure ??= error;
    }
  }

  /** @throws LabError `file.not-written` where a line could not be written */
  close(): void {
    closeSync(this.#descriptor);
    if (this.#failure !== undefined) throw fileNotWritten(HISTORY_FILES.events, this.#failure);
  }
}
