import pLimit from "p-limit";
import { isLabError } from "../base/error.ts";

/** Sessions at a time on one connection: sshd's MaxSessions is 10, and a time-out needs one more to end its command. Forwarded ports do not count. */
const SESSIONS = 8;

/**
 * Lets so many commands of a connection run at a time as its server takes. Where that is fewer (MaxSessions of a hardened sshd) the limit sinks to what was granted less one, which a time-out needs, and
 * who was refused waits for a place: nothing has run then.
 */
export class SessionQueue {
  private readonly limit = pLimit(SESSIONS);
  private inFlight = 0;

  get size(): number {
    return this.limit.concurrency;
  }

  /** @throws what `task` throws; `connection.no-session` alone where no other command holds a session */
  async run<T>(task: () => Promise<T>): Promise<T> {
    for (;;) {
      const outcome = await this.limit(() => this.attempt(task));
      if ("value" in outcome) return outcome.value;
    }
  }

  private async attempt<T>(task: () => Promise<T>): Promise<{ readonly value: T } | { readonly refused: true }> {
    this.inFlight += 1;
    try {
      return { value: await task() };
    } catch (error) {
      const others = this.inFlight - 1;
      if (others === 0 || !isLabError(error) || error.code !== "connection.no-session") throw error;
      this.limit.concurrency = Math.max(1, Math.min(this.limit.concurrency, others - 1));
      return { refused: true };
    } finally {
      this.inFlight -= 1;
    }
  }
}
