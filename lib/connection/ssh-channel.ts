import pRetry from "p-retry";
import type { SshLink } from "./ssh-link.ts";

/** The callback of ssh2's `exec`. */
type Done<T> = (error: Error | undefined, channel: T) => void;

/** The connection had ended when a channel was asked for, or ended before the answer. ssh2 knows that a moment before `isOpen` of the link does. */
export class ConnectionEnded extends Error {}

/**
 * Opens a session channel. sshd frees the place of a closed session a moment after it has said so, and refuses a new one for so long although fewer than
 * MaxSessions are open: a refused opening, before which nothing has run, is tried again for about two seconds.
 *
 * `use` is called at once with the channel, for its first events may come in the same turn; what it returns is handed out as `used`.
 *
 * @throws ConnectionEnded; otherwise the error of ssh2
 */
export async function openChannel<T, R>(
  link: SshLink,
  open: (done: Done<T>) => void,
  use: (channel: T) => R,
): Promise<{ readonly used: R }> {
  const attempt = () =>
    new Promise<{ readonly used: R }>((resolve, reject) => {
      // ssh2 ends open channels itself when the connection ends, but leaves a request without an answer; and it throws when it has ended already.
      const onEnd = () => setImmediate(() => reject(new ConnectionEnded()));
      link.client.once("close", onEnd);
      try {
        open((error, channel) => {
          link.client.off("close", onEnd);
          if (error) reject(error);
          else resolve({ used: use(channel) });
        });
      } catch (cause) {
        link.client.off("close", onEnd);
        reject(new ConnectionEnded(undefined, { cause }));
      }
    });
  return pRetry(attempt, {
    retries: 7,
    minTimeout: 20,
    factor: 2,
    // The reason code of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254, 5.1); other faults have none.
    shouldRetry: ({ error }) => link.isOpen() && typeof (error as { reason?: unknown }).reason === "number",
  });
}
