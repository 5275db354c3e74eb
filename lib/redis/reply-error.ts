import { isLabError, whatOf } from "../base/error.ts";

/** An error reply, for example `-MOVED 866 10.0.0.1:6379`. The message is the whole text, without arguments that are secret. */
export class RedisReplyError extends Error {
  /** First word, for example `MOVED`, `NOAUTH`, `ERR`. */
  readonly code: string;

  constructor(text: string) {
    super(text);
    this.name = "RedisReplyError";
    this.code = text.split(" ", 1)[0] ?? "";
  }
}

/**
 * Why an instance did not answer, or answered with an error: what an observation says of it.
 *
 * @throws everything else on, which says nothing of the instance: a defect of redis-lab, or an interruption
 */
export function reasonUnreachable(error: unknown): string {
  if (isLabError(error) || error instanceof RedisReplyError) return whatOf(error);
  throw error;
}
