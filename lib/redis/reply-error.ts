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
