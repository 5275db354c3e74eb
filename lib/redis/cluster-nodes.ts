import { unreadableReply } from "./errors.ts";
import type { ClusterNode, SlotRange } from "./types.ts";

// A line (clusterGenNodeDescription in cluster.c):
//   ID IP:PORT[@BUSPORT][,HOSTNAME[,AUX=…]] FLAG[,FLAG…] MASTER|- PING PONG EPOCH LINK [SLOT | FIRST-LAST | [SLOT->-ID] | [SLOT-<-ID]]…
// 3.x has no @BUSPORT, 7.0 adds the host name, 7.2 further fields.

/** Lines that were read in one look, by all that does not change from one node to the next: n nodes say nearly the same of each other, in n times n lines. */
export type KnownLines = Map<string, ClusterNode>;

/**
 * Parses CLUSTER NODES (and nodes.conf) of Redis 3.0 to 7.2. The flag `slave` is given as `replica`. A node whose address is not known has address "" and port 0;
 * a node says "" for its own address before another one has sent it.
 *
 * @param known lines that another node of the same look said word for word, the times of PING and PONG aside, are not read again: both get the same object
 * @throws LabError `redis.unreadable-reply`
 */
export function parseClusterNodes(text: string, known: KnownLines = new Map()): ClusterNode[] {
  const nodes: ClusterNode[] = [];
  for (const line of text.split("\n")) {
    const said = withoutTimes(line);
    const again = said === undefined ? undefined : known.get(said);
    if (again !== undefined) {
      nodes.push(again);
      continue;
    }
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("vars ")) continue;
    const node = parseLine(trimmed);
    if (said !== undefined) known.set(said, node);
    nodes.push(node);
  }
  return nodes;
}

/** A line without its fifth and sixth word, PING and PONG, of which `parseLine` reads nothing; undefined where its words are not where Redis writes them. */
function withoutTimes(line: string): string | undefined {
  if (line.startsWith(" ") || line.includes("  ")) return undefined;
  let begin = -1;
  for (let words = 0; words < 4; words += 1) {
    begin = line.indexOf(" ", begin + 1);
    if (begin < 0) return undefined;
  }
  const ping = line.indexOf(" ", begin + 1);
  const pong = ping < 0 ? -1 : line.indexOf(" ", ping + 1);
  return pong < 0 ? undefined : line.slice(0, begin) + line.slice(pong);
}

function parseLine(line: string): ClusterNode {
  const [id, where, flagText, master, ping, , epoch, link, ...slotWords] = line.split(/ +/);
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
    ...(Number(ping) > 0 && { silentSince: Number(ping) }),
    slots: slots.sort((a, b) => a.first - b.first),
    migrating,
    importing,
  };
}
