import { homedir } from "node:os";
import { join } from "node:path";

/** Where sources and builds are kept on this computer: `redis-lab` below XDG_CACHE_HOME (XDG Base Directory Specification). @default ~/.cache/redis-lab */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const xdg = environment["XDG_CACHE_HOME"];
  // A relative path is invalid by the specification and to be ignored.
  return join(xdg?.startsWith("/") ? xdg : join(homedir(), ".cache"), "redis-lab");
}
