import { isLabError, isSystemError } from "../../base/error.ts";
import { tooManyOpenFiles } from "../../connection/errors.ts";
import { RedisReplyError } from "../../redis/reply-error.ts";

/**
 * What an attempt to look at a host or an instance may end with: then that is what doctor found of it. Returns for an error of ours, a reply that is an error, and a fault of
 * the operating system; throws everything else on, as a defect of redis-lab or an interruption says nothing of the host.
 *
 * @throws LabError `connection.open-files` where this computer ran out of descriptors, however deep that is in the causes
 */
export function expected(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isSystemError(cause) && (cause.code === "EMFILE" || cause.code === "ENFILE")) throw tooManyOpenFiles(error);
  if (!isLabError(error) && !(error instanceof RedisReplyError) && !isSystemError(error)) throw error;
}
