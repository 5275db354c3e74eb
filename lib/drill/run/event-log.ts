import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { fileNotWritten } from "../../base/errors.ts";
import type { EventLine } from "../history.ts";
import { HISTORY_FILES } from "../reading/history-folder.ts";

/** `events.jsonl` while it is written: each line goes to the kernel at once, so that it outlives kill -9 of this process. */
export class EventLog {
  readonly #file: FileHandle;
  readonly #events: EventLine[] = [];
  #writing: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws LabError `file.not-written` */
  static async create(folder: string): Promise<EventLog> {
    const path = join(folder, HISTORY_FILES.events);
    try {
      return new EventLog(await open(path, "ax", 0o600));
    } catch (error) {
      throw fileNotWritten(path, error, "No fault was made.");
    }
  }

  /** What was seen so far, in the order in which it was told. */
  get events(): readonly EventLine[] {
    return this.#events;
  }

  add(event: EventLine): void {
    this.#events.push(event);
    const line = `${JSON.stringify(event)}\n`;
    this.#writing = this.#writing
      .then(() => this.#file.appendFile(line))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /** @throws LabError `file.not-written` where a line could not be written */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
    if (this.#failure !== undefined) throw fileNotWritten(HISTORY_FILES.events, this.#failure);
  }
}
