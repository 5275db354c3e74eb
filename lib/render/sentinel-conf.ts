import type { DeclaredMonitor } from "../lab/layouts/row.ts";
import { layoutRow } from "../lab/layouts.ts";
import { type PlacedHost, type PlacedInstance, type Placement, takesPassword } from "../lab/placement.ts";
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
  readonly password: readonly string[];
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

/** The sentinel.conf of one sentinel. */
export function renderSentinelConf(placement: Placement, host: PlacedHost, instance: PlacedInstance, secrets: Secrets): string {
  const { lab } = placement;
  const words = wordsOf(placement.version).sentinel;
  const view: SentinelConfView = {
    lab: lab.name,
    instance: instance.id,
    systemd: placement.capabilities.supervisor === "systemd",
    network: [
      ...addressDirectives(placement, host),
      directive("port", instance.port),
      // With "yes" a sentinel of 7.0 that has no password yet refuses the other sentinels (networking.c of 7.0.15).
      directive("protected-mode", false),
      // Only sentinels publish here, and only `__sentinel__:hello`: whom to follow, at what address. A forged one makes the sentinel send auth-pass there. The same comes to it from the servers that
      // it watches, which ask for a password (sentinelPublishCommand and sentinelReceiveHelloMessages in sentinel.c); those who publish to it repeat it ten times a second, and are content with that.
      directive("rename-command", "PUBLISH", ""),
    ].flatMap(({ lines }) => lines),
    process: processDirectives(placement, instance).flatMap(({ lines }) => lines),
    // Never one without the other: SENTINEL CONFIG GET tells `sentinel-pass` to all who need no password (sentinelConfigGetCommand in sentinel.c of 6.2 and 7.0).
    password:
      takesPassword(placement, instance.kind) && placement.openSentinels !== true
        ? [directive("requirepass", secrets.password), directive("sentinel", "sentinel-pass", secrets.password)].flatMap(
            ({ lines }) => lines,
          )
        : [],
    files: directive("dir", workingFolder(host, instance)).lines,
    masters: layoutRow(lab.layout)
      .monitors(lab)
      .map((monitor) => monitorView(placement, monitor, secrets)),
    global: words.global.has("deny-scripts-reconfig") ? ["sentinel deny-scripts-reconfig yes"] : [],
  };
  return renderTemplate("sentinel.conf", view);
}

function monitorView(placement: Placement, monitor: DeclaredMonitor, secrets: Secrets): MonitorView {
  const [name, port] = monitor.master.split(":");
  const host = placement.hosts.find((each) => each.name === name);
  const option = (word: string, value: string | number) => directive("sentinel", word, monitor.name, value).lines;
  return {
    name: monitor.name,
    address: host?.address ?? "",
    port: Number(port),
    quorum: monitor.quorum,
    options: [
      ...option("auth-pass", secrets.password),
      ...option("down-after-milliseconds", monitor.downAfterMs),
      ...option("parallel-syncs", monitor.parallelSyncs),
      ...option("failover-timeout", monitor.failoverTimeoutMs),
    ],
  };
}
