import { spawn } from "node:child_process";
import { once } from "node:events";

/** `--NAME VALUE` of the command line. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** @param share 0.99 for the value that one in a hundred exceeds */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Seconds that contenders took in turns, by name; the first one is what is measured against the others. */
export function report(title: string, seconds: Readonly<Record<string, readonly number[]>>): void {
  console.log(title);
  const contenders = Object.entries(seconds).filter(([, all]) => all.length > 0);
  const [own] = contenders;
  if (own === undefined) return;
  for (const [name, all] of contenders) {
    const range = `${median(all).toFixed(2)} s (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`;
    const ratio = name === own[0] ? "" : `   ${own[0]} takes ${(median(own[1]) / median(all)).toFixed(2)} of it`;
    console.log(`  ${name.padEnd(12)} ${range}${ratio}`);
  }
}

/** Runs a command to its end, its output thrown away. @returns seconds */
export async function timed(file: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const begin = performance.now();
  const child = spawn(file, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-2000);
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${output}`);
  return (performance.now() - begin) / 1000;
}
