import type { OsFamilyName } from "../lab/os.ts";
import type { PlacedHost, Placement } from "../lab/placement.ts";
import type { Secrets } from "../lab/secrets.ts";
import { renderBeforeStart } from "./before-start.ts";
import { renderHostFiles } from "./host-files.ts";
import { renderRedisConf } from "./redis-conf.ts";
import type { RenderedFile } from "./rendered-file.ts";
import { renderSentinelConf } from "./sentinel-conf.ts";

/**
 * All files that a host of a lab has: one configuration per instance, the script before the start of each redis-server and, where the target manages hosts, those of the system. Pure and repeatable: the same
 * placement and secrets give the same bytes.
 *
 * @throws LabError `render.line-break`, `redis.unknown-version`
 */
export function renderHost(placement: Placement, host: PlacedHost, secrets: Secrets, os: OsFamilyName): RenderedFile[] {
  const configurations = host.instances.map((instance): RenderedFile => {
    const sentinel = instance.kind === "sentinel";
    return {
      path: instance.configFile,
      content: sentinel ? renderSentinelConf(placement, host, instance, secrets) : renderRedisConf(placement, host, instance, secrets),
      // Both programs rewrite their file, and it holds the password.
      mode: 0o640,
      owner: "redis",
      kind: sentinel ? "sentinel-conf" : "redis-conf",
      step: "files",
      instance: instance.id,
    };
  });
  const scripts = host.instances.flatMap((instance) => renderBeforeStart(placement, host, instance));
  return [...(placement.capabilities.managesHost ? renderHostFiles(placement, host, os) : []), ...configurations, ...scripts];
}
