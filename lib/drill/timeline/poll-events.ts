import { parseClusterNodes } from "../../redis/cluster-nodes.ts";
import { parseInfo } from "../../redis/info.ts";
import type { SentinelMaster } from "../../redis/sentinel-commands.ts";
import type { NameOf, SeenEvent } from "./log-events.ts";

/** What one look at an instance found, as far as failovers go. */
export interface PolledState {
  readonly role: "master" | "replica" | "sentinel" | "unknown";
  readonly link: "up" | "down" | undefined;
  /** By node id, or by the name of a watched master. */
  readonly others: ReadonlyMap<
    string,
    { readonly doubt: "none" | "suspected" | "failed"; readonly epoch: number; readonly address: string }
  >;
}

/** Of CLUSTER NODES (empty outside of a cluster) and INFO replication. @throws LabError `redis.unreadable-reply` */
export function serverSnapshot(nodes: string, info: string): PolledState {
  const said = parseInfo(info);
  const others = new Map(
    parseClusterNodes(nodes).map((node) => [
      node.id,
      {
        doubt: node.flags.has("fail") ? ("failed" as const) : node.flags.has("fail?") ? ("suspected" as const) : ("none" as const),
        epoch: node.role === "master" ? node.configEpoch : 0,
        address: `${node.address}:${node.port}`,
      },
    ]),
  );
  const role = said["role"] === "master" ? "master" : said["role"] === undefined ? "unknown" : "replica";
  const link = role !== "replica" ? undefined : said["master_link_status"] === "up" ? "up" : "down";
  return { role, link, others };
}

export function sentinelSnapshot(masters: readonly SentinelMaster[]): PolledState {
  const others = new Map(
    masters.map(({ name, flags, configEpoch, address, port }) => [
      name,
      {
        doubt: flags.has("o_down") ? ("failed" as const) : flags.has("s_down") ? ("suspected" as const) : ("none" as const),
        epoch: configEpoch,
        address: `${address}:${port}`,
      },
    ]),
  );
  return { role: "sentinel", link: undefined, others };
}

/** What changed from one look at an instance to the next. @param before undefined for the first look, of which epochs alone are news */
export function pollEvents(before: PolledState | undefined, now: PolledState, nameOf: NameOf): readonly SeenEvent[] {
  const events: SeenEvent[] = [];
  if (before !== undefined && before.role !== now.role) {
    if (now.role === "master" && before.role === "replica") events.push({ what: "promoted" });
    if (now.role === "replica" && before.role === "master") events.push({ what: "demoted" });
  }
  if (before !== undefined && now.role === "replica" && before.link !== now.link) {
    if (now.link === "up") events.push({ what: "link-up" }, { what: "in-step" });
    else if (before.link === "up") events.push({ what: "link-down" });
  }
  for (const [id, { doubt, epoch, address }] of now.others) {
    const other = before?.others.get(id);
    const about = nameOf(id) ?? nameOf(address) ?? id;
    if (epoch > 0 && other?.epoch !== epoch) events.push({ what: "epoch", about: now.role === "sentinel" ? id : about, value: epoch });
    if (other === undefined) continue;
    if (other.doubt !== doubt) events.push({ what: doubt === "none" ? "suspicion-withdrawn" : doubt, about });
    if (now.role === "sentinel" && other.address !== address) events.push({ what: "promoted", about });
  }
  return events;
}
