import { readFileSync } from "node:fs";

/** What redis-trib.rb said, or what ours says, in a form in which the two can be compared. */
export interface Transcript {
  readonly lines: readonly string[];
  readonly code: number;
}

/** A recording: the command where it was noted, the output, and the exit code. */
export function recorded(name: string): Transcript {
  const lines = readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  const code = Number(/^rc=(\d+)$/.exec(lines.at(-1) ?? "")?.[1]);
  const output = lines.slice(lines[0]?.startsWith("$ ") ? 1 : 0, -1);
  return { lines: comparable(output, (text) => text.replace(/127\.0\.0\.\d+:4\d0(\d\d)/g, (_, port) => `<${Number(port)}>`)), code };
}

/** The same of a run of ours; `names` says which address is which of the recording. */
export function ran(out: string, code: number, names: ReadonlyMap<string, string>): Transcript {
  const name = (text: string) => text.replace(/(\d+\.){3}\d+:\d+/g, (address) => names.get(address) ?? address);
  return { lines: comparable(out.replace(/\n$/, "").split("\n"), name), code };
}

/** Node ids by the node, dots of waiting gone, and blocks of lines that follow the order of a hash sorted. */
function comparable(lines: readonly string[], name: (text: string) => string): readonly string[] {
  const named = lines.map(name);
  const ids = new Map<string, string>();
  for (const line of named) {
    const { id, node } = /^\s*[MS]: (?<id>[0-9a-f]{40}) (?<node>\S+)/.exec(line)?.groups ?? {};
    if (id !== undefined && node !== undefined) ids.set(id, node);
  }
  const shown = named
    .map((line) => line.replace(/[0-9a-f]{40}/g, (id) => `id of ${ids.get(id) ?? "?"}`).replace(/\([0-9a-f]{8}\.\.\./g, "(id..."))
    .map((line) => line.replace(/^(Waiting for the cluster to join)\.+$/, "$1"));
  const blocks: string[] = [];
  for (const line of shown) {
    const heading = blocks.at(-1) ?? "";
    const ofNode = line.startsWith("   ") && /^\s*[MS]: /.test(heading) && !/^ {4}M/.test(line);
    if (ofNode || /^#+$/.test(line)) blocks.push(`${blocks.pop()}\n${line}`);
    else blocks.push(line);
  }
  return sortedRuns(blocks);
}

const UNORDERED = /^( {4})?[MS]: |^<\d>( \(id\.\.\.|: )|^Migrating |^Moving \d+ slots from /;

/** Neighbours that are one listing, sorted. */
function sortedRuns(blocks: readonly string[]): readonly string[] {
  const result: string[] = [];
  let run: string[] = [];
  for (const block of [...blocks, ""]) {
    if (UNORDERED.test(block)) run.push(block);
    else {
      result.push(...run.sort(), block);
      run = [];
    }
  }
  return result.slice(0, -1);
}
