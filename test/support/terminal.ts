import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

/** What is typed once a text has been seen after what was typed before. */
export type Turn = readonly [seen: string, typed: string];

const LONGEST_MS = 120_000;

/**
 * What a terminal shows of a command of the shell: `script` gives it one, of unknown width where the command does not set it. Its input stays open until the command has ended: at the end of its input `script` types a
 * Ctrl-D, at whatever moment.
 *
 * @throws Error with what was seen and what ran, where the command has not ended in time
 */
export async function onTerminal(
  command: string,
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly turns?: readonly Turn[] },
): Promise<string> {
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const turns = [...(options.turns ?? [])];
  let seen = "";
  let looked = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    for (let [turn] = turns; turn !== undefined; [turn] = turns) {
      const at = seen.indexOf(turn[0], looked);
      if (at === -1) return;
      looked = at + turn[0].length;
      turns.shift();
      child.stdin.write(turn[1]);
    }
  });
  let running = "";
  const timer = setTimeout(() => {
    running = execFileSync("ps", ["-eo", "pid,ppid,stat,wchan:20,args"], { encoding: "utf8" });
    child.kill("SIGKILL");
  }, LONGEST_MS);
  await once(child, "close");
  clearTimeout(timer);
  if (running === "") return seen;
  const lines = running.split("\n").filter((line) => line.includes(options.cwd) || line.includes("script") || line.includes("main.js"));
  throw new Error(`${command} did not end; ${turns.length} turns were left.\nSeen: ${JSON.stringify(seen)}\n${lines.join("\n")}`);
}
