import type { PlacedHost, PlacedInstance } from "./placement.ts";
import { PROGRAMS } from "./programs.ts";

/** What keeps a crashed master from coming back with old data: a script that is run before every start of a redis-server, and its files. Absolute paths. */
export interface BeforeStart {
  readonly script: string;
  /** Exists from a planned stop to the next start. */
  readonly mark: string;
  /** One line: what the script waits for (then it begins with `waits`), or what it decided at the last start; absent where there is nothing to say. */
  readonly note: string;
}

/** Undefined for an instance that has no data. */
export function beforeStartOf(host: Pick<PlacedHost, "paths">, instance: Pick<PlacedInstance, "kind" | "port">): BeforeStart | undefined {
  const { files, takesSettings } = PROGRAMS[instance.kind];
  if (!takesSettings) return undefined;
  const name = `${files}-${instance.port}`;
  const { etc, run } = host.paths;
  return { script: `${etc}/${name}-before-start.sh`, mark: `${run}/${name}.stopped`, note: `${run}/${name}.note` };
}
