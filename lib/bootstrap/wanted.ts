import { OS_FAMILIES, type OsFacts, osFamilyOf, osSystemOf } from "../lab/os.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import type { Version } from "../redis/version.ts";
import { renderHost } from "../render/render.ts";
import type { RenderedFile } from "../render/rendered-file.ts";
import { unknownPlatform } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { withReachableClients } from "./open-files.ts";

/** What redis-lab wants on one host. Pure data; the files hold the password. */
export interface HostWanted {
  readonly placement: Placement;
  readonly host: PlacedHost;
  readonly os: OsFacts;
  /** Those of the rendered files that exist on this target and this release of the system. */
  readonly files: readonly RenderedFile[];
  readonly secrets: Secrets;
  /** Undefined while the source is not known: then nothing is said about build and install. */
  readonly build: WantedBuild | undefined;
}

export interface WantedBuild {
  /** 64 hexadecimal digits over everything that matters. */
  readonly key: string;
  readonly version: Version;
  /** This host compiles for its group: the artifact is needed somewhere and not in the cache. */
  readonly compiles: boolean;
}

/**
 * What a lab wants on a host that was looked at.
 *
 * @throws LabError `bootstrap.unknown-os` for a managed host whose system is not in the table
 */
export function wantedOf(
  placement: Placement,
  host: PlacedHost,
  facts: HostFacts,
  secrets: Secrets,
  build: WantedBuild | undefined,
): HostWanted {
  const family = osFamilyOf(facts.os);
  if (family === undefined && placement.capabilities.managesHost) {
    throw unknownPlatform(host.name, facts.os["PRETTY_NAME"] || facts.os["ID"] || "unknown");
  }
  // Where the host is not managed nothing of the family's row reaches it, but for the names of packages in advice.
  const known = family ?? "debian";
  const archived = osSystemOf(facts.os)?.archived?.arch === facts.arch;
  const files = renderHost(placement, host, secrets, known)
    .filter((file) => (file.step !== "package-sources" || archived) && (placement.capabilities.managesHost || file.owner === "redis"))
    .filter(({ sinceSystemd = 0 }) => sinceSystemd <= (facts.systemd ?? 0))
    .map((file) => withReachableClients(file, facts));
  return { placement, host, os: OS_FAMILIES[known], files, secrets, build };
}
