import { spawn } from "node:child_process";

/** A Node process of ours that does something for this one, where this one can't be. */
export interface HelperProcess {
  send(message: object): void;
  /** With why, for a sentence. */
  readonly ended: Promise<string>;
  /** Keeps this process alive while it waits for an answer, and no longer. */
  hold(waits: boolean): void;
  end(): void;
}

/**
 * Starts a program that becomes this Node with a script. It gets nothing of our environment but the PATH, and Ctrl-C does not reach it: it has to end when its channel to this process does.
 *
 * @param before argv that runs what stands behind it
 * @param onMessage gets what it sends, and the socket that it sends along
 */
export function startHelper(
  before: readonly string[],
  script: string,
  onMessage: (message: unknown, handle: unknown) => void,
): HelperProcess {
  const [program = process.execPath, ...args] = [...before, process.execPath, "-e", script];
  const child = spawn(program, args, {
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-4_096);
  });
  child.on("message", onMessage);
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.once("close", (code, by) => resolve(complaint.trim() || `it ended with ${by ?? code}`));
  });
  const hold = (waits: boolean) => {
    if (waits) {
      child.ref();
      child.channel?.ref();
    } else {
      child.unref();
      child.channel?.unref();
      (child.stderr as { unref?: () => void } | null)?.unref?.();
    }
  };
  hold(false);
  return {
    send(message) {
      // A failure comes as the end of the process.
      if (child.connected) child.send(message, () => {});
    },
    ended,
    hold,
    end() {
      if (child.connected) child.disconnect();
    },
  };
}
