import { unreadableReply } from "./errors.ts";
import type { ClusterNode, SlotRange } from "./types.ts";

// A line (clusterGenNodeDescription in cluster.c):
//   ID IP:PORT[@BUSPORT][,HOSTNAME[,AUX=…]] FLAG[,FLAG…] MASTER|- PING PONG EPOCH LINK [SLOT | FIRST-LAST | [SLOT->-ID] | [SLOT-<-ID]]…
// 3.x has no @BUSPORT, 7.0 adds the host name, 7.2 further fields.

/**
 * Parses CLUSTER NODES (and nodes.conf) of Redis 3.0 to 7.2. The flag `slave` is given as `replica`. A node whose address is not known has address "" and port 0;
 * a node says "" for its own address before another one told it.
 *
 * @throws LabError `redis.unreadable-reply`
 */
export function parseClusterNodes(text: string): ClusterNode[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("vars "))
    .map(parseLine);
}

function parseLine(line: string): ClusterNode {
  const [id, where, flagText, master, , , epoch, link, ...slotWords] = line.split(/ +/);
  const address = /^(?<ip>[^,@]*):(?<port>\d+)(@(?<bus>\d+))?(,.*)?$/.exec(where ?? "")?.groups;
  if (!id || !address || !flagText || !master || !/^\d+$/.test(epoch ?? "") || !/^(dis)?connected$/.test(link ?? "")) {
    throw unreadableReply("CLUSTER NODES", line);
  }
  const flags = new Set(flagText.split(",").map((flag) => (flag === "slave" ? "replica" : flag)));
  const slots: SlotRange[] = [];
  const migrating = new Map<number, string>();
  const importing = new Map<number, string>();
  for (const word of slotWords) {
    const parts = /^(?:(?<first>\d+)(?:-(?<last>\d+))?|\[(?<slot>\d+)-(?<way>[<>])-(?<other>\w+)\])$/.exec(word)?.groups;
    if (parts === undefined) throw unreadableReply("CLUSTER NODES", line);
    const { first, last, slot, way, other } = parts;
    if (first !== undefined) slots.push({ first: Number(first), last: Number(last ?? first) });
    else if (other !== undefined) (way === ">" ? migrating : importing).set(Number(slot), other);
  }
  const port = Number(address["port"]);
  return {
    id,
    address: address["ip"] ?? "",
    port,
    busPort: address["bus"] === undefined ? (port === 0 ? 0 : port + 10_000) : Number(address["bus"]),
    flags,
    myself: flags.has("myself"),
    role: flags.has("master") ? "master" : flags.has("replica") ? "replica" : "unknown",
    masterId: master === "-" ? undefined : master,
    configEpoch: Number(epoch),
    linkState: link === "connected" ? "connected" : "disconnected",
    slots: slots.sort((a, b) => a.first - b.first),
    migrating,
    importing,
  };
}
