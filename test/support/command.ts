import { spawn } from "node:child_process";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell and collects its output; the result has the same shape whether it failed or not. */
export function tryRun(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...(options.env && { env: options.env }) });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.stdin.on("error", () => {
      // The program ended without reading its input; its exit code says more.
    });
    child.on("close", (code, signal) =>
      resolve({ code: code ?? 128, stdout, stderr: signal === null ? stderr : `${stderr}ended by ${signal}\n` }),
    );
    child.stdin.end(options.input ?? "");
  });
}

/** Like tryRun, but a failure is an error that carries what the program said. Returns stdout. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<string> {
  const result = await tryRun(program, args, options);
  if (result.code !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${result.code}\n${result.stderr || result.stdout}`);
  return result.stdout;
}
