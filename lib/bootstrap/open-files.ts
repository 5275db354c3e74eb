import { effectiveDirectives } from "../redis/conf/conf.ts";
import { RESERVED_DESCRIPTORS } from "../redis/constants.ts";
import type { RenderedFile } from "../render/rendered-file.ts";
import type { HostFacts } from "./facts.ts";

/**
 * A redis.conf as this host can have it. Where the hard limit of open files is too low, Redis lowers maxclients at its start (adjustOpenFilesLimit in server.c), and
 * CONFIG REWRITE, which Sentinel calls at every failover, stores what it lowered it to. Such a value stays: writing ours again would be refused by CONFIG SET and
 * lowered by the next start, a change without end. `doctor` tells of it.
 */
export function withReachableClients(file: RenderedFile, facts: Pick<HostFacts, "noFileHard" | "files">): RenderedFile {
  if (file.kind !== "redis-conf") return file;
  const wanted = clientsIn(file.content);
  const live = clientsIn(facts.files.get(file.path) ?? "");
  if (wanted === undefined || live === undefined || live >= wanted || wanted + RESERVED_DESCRIPTORS <= facts.noFileHard) return file;
  return { ...file, content: file.content.replace(/^maxclients .*$/m, `maxclients ${live}`) };
}

function clientsIn(text: string): number | undefined {
  const value = effectiveDirectives(text).get("maxclients")?.at(-1)?.[0];
  return value === undefined ? undefined : Number(value);
}
