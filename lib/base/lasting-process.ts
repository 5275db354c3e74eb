import { spawn } from "node:child_process";
import { once } from "node:events";

/** A process that was started to outlive this one, and that ends by itself unless it was ordered to stay. */
export interface LastingProcess {
  readonly pid: number;
  /** The first line that it said. */
  readonly said: string;
  /** Tells it to stay, by a line on its standard input. From then on nothing ties it to this process. */
  keep(): Promise<void>;
  /** Lets go of it: it reads the end of its standard input. */
  leave(): void;
}

/**
 * Starts a program in a session of its own, which says one line when it is ready and then waits for a line. Where this process ends before it has said that one, however it ends, the program reads
 * the end of its input instead.
 *
 * @returns what the program wrote to its standard error, or why it could not be started, where it ended before it was ready
 */
export async function startLasting(
  program: string,
  args: readonly string[],
  { environment, signal }: { readonly environment: NodeJS.ProcessEnv; readonly signal?: AbortSignal | undefined },
): Promise<LastingProcess | { readonly failure: string }> {
  signal?.throwIfAborted();
  const child = spawn(program, [...args], { detached: true, cwd: "/", env: environment, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let complaint = "";
  child.stdin.on("error", () => {});
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-4_096);
  });
  const ready = new Promise<string>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
      const end = said.indexOf("\n");
      if (end !== -1) resolve(said.slice(0, end));
    });
  });
  const ended = new Promise<{ readonly failure: string }>((resolve) => {
    child.once("error", (error) => resolve({ failure: error.message }));
    child.once("close", (code, by) => resolve({ failure: complaint.trim() || `it ended with ${by ?? code}` }));
  });
  const letGo = () => {
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    child.unref();
  };
  const aborted = signal && once(signal, "abort").catch(() => undefined);
  const first = await Promise.race([ready, ended, ...(aborted === undefined ? [] : [aborted])]);
  if (signal?.aborted === true || typeof first !== "string") letGo();
  signal?.throwIfAborted();
  if (typeof first !== "string" || child.pid === undefined) return first as { readonly failure: string };
  return {
    pid: child.pid,
    said: first,
    async keep() {
      await new Promise<void>((resolve, reject) => {
        child.stdin.write("keep\n", (error) => (error ? reject(error) : resolve()));
      });
      letGo();
    },
    leave: letGo,
  };
}
