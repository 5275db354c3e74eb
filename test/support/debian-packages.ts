import { readFile } from "node:fs/promises";
import { run } from "./command.ts";

// What mmdebstrap needs to know of this computer to fetch packages as its own apt does.

/** The computer's own package mirror, when it serves this suite; mmdebstrap's default otherwise. */
export async function hostSources(suite: string): Promise<string[]> {
  const file = "/etc/apt/sources.list.d/debian.sources";
  const text = await readFile(file, "utf8").catch(() => "");
  return text.includes(suite) ? [file] : [];
}

/** Proxies and the like that the computer's apt needs, mmdebstrap's needs too. */
export async function hostAptOptions(): Promise<string[]> {
  const dump = await run("apt-config", ["dump"]).catch(() => "");
  return dump
    .split("\n")
    .filter((line) => /^Acquire::(Check-Valid-Until|Retries|https?::Proxy) "[^"]+";$/.test(line))
    .map((line) => `--aptopt=${line.slice(0, -1)}`);
}
