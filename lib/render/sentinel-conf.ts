import { quorumOf, resolveReference } from "../lab/instances.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import type { Monitor } from "../lab/schema.ts";
import type { Secrets } from "../lab/secrets.ts";
import { wordsOf } from "../redis/words.ts";
import { directive } from "./directive.ts";
import { workingFolder } from "./folders.ts";
import { addressDirectives, processDirectives } from "./redis-conf.ts";
import { renderTemplate } from "./template.ts";

interface SentinelConfView {
  readonly lab: string;
  readonly instance: string;
  readonly systemd: boolean;
  readonly network: readonly string[];
  readonly process: readonly string[];
  readonly files: readonly string[];
  readonly masters: readonly MonitorView[];
  readonly global: readonly string[];
}

// A type, as an interface has no index signature and fits no ViewValue.
type MonitorView = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly quorum: number;
  readonly options: readonly string[];
};

/** The sentinel.conf of one sentinel. It has no `requirepass`: a sentinel of 4.0 that has one answers NOAUTH to everybody and knows no AUTH. */
export function renderSentinelConf(placement: Placement, host: PlacedHost, instance: PlacedInstance, secrets: Secrets): string {
  const { lab } = placement;
  const words = wordsOf(placement.version).sentinel;
  const monitors = lab.layout.kind === "sentinel" ? lab.layout.masters : [];
  const view: SentinelConfView = {
    lab: lab.name,
    instance: instance.id,
    systemd: placement.capabilities.supervisor === "systemd",
    network: [
      ...addressDirectives(placement, host),
      directive("port", instance.port),
      // With "yes" a sentinel of 7.0 refuses the other sentinels, as it has no password (networking.c of 7.0.15).
      directive("protected-mode", false),
    ].flatMap(({ lines }) => lines),
    process: processDirectives(placement, instance).flatMap(({ lines }) => lines),
    files: directive("dir", workingFolder(host, instance)).lines,
    masters: monitors.map((monitor) => monitorView(placement, monitor, secrets)),
    global: words.global.has("deny-scripts-reconfig") ? ["sentinel deny-scripts-reconfig yes"] : [],
  };
  return renderTemplate("sentinel.conf", view);
}

function monitorView(placement: Placement, monitor: Monitor, secrets: Secrets): MonitorView {
  const { lab } = placement;
  const id = resolveReference(lab, monitor.master);
  const host = placement.hosts.find(({ name }) => name === id.split(":")[0]);
  const sentinels = lab.layout.kind === "sentinel" ? lab.layout.sentinels : [];
  const option = (name: string, value: string | number) => directive("sentinel", name, monitor.name, value).lines;
  return {
    name: monitor.name,
    address: host?.address ?? "",
    port: Number(id.split(":")[1]),
    quorum: quorumOf(monitor, { sentinels }),
    options: [
      ...option("auth-pass", secrets.password),
      ...option("down-after-milliseconds", monitor.downAfterMs),
      ...option("parallel-syncs", monitor.parallelSyncs),
      ...option("failover-timeout", monitor.failoverTimeoutMs),
    ],
  };
}
