import type { ReadStream } from "node:tty";

const CONTROL_C = "\u0003";
const CONTROL_D = "\u0004";
const ERASE = new Set(["\u007f", "\b"]);

/** A line typed on a terminal that does not show it. Control-C is what it always is. */
export function readSecret(input: ReadStream, output: NodeJS.WritableStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = "";
    const close = () => {
      input.off("data", onData);
      signal.removeEventListener("abort", onAbort);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
    };
    const onAbort = () => {
      close();
      reject(signal.reason);
    };
    const onData = (chunk: Buffer) => {
      for (const char of chunk.toString()) {
        if (char === CONTROL_C) {
          process.kill(process.pid, "SIGINT");
          return;
        }
        if (char === "\r" || char === "\n" || char === CONTROL_D) {
          close();
          resolve(typed);
          return;
        }
        if (ERASE.has(char)) typed = typed.slice(0, -1);
        else typed += char;
      }
    };
    signal.addEventListener("abort", onAbort, { once: true });
    input.setRawMode(true);
    input.resume();
    input.on("data", onData);
  });
}
