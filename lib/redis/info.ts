/** Parses INFO and CLUSTER INFO: `key:value` lines; section headings and empty lines are skipped. A value may hold colons. */
export function parseInfo(text: string): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) entries.push([line.slice(0, colon), line.slice(colon + 1)]);
  }
  return Object.fromEntries(entries);
}

/** CLUSTER INFO, the part that redis-lab looks at. */
export interface ClusterInfo {
  readonly state: "ok" | "fail";
  readonly slotsAssigned: number;
  readonly slotsOk: number;
  readonly slotsPfail: number;
  readonly slotsFail: number;
  /** Nodes that this node knows, itself and nodes in handshake included. */
  readonly knownNodes: number;
  /** Masters with at least one slot. */
  readonly size: number;
  readonly currentEpoch: number;
  readonly myEpoch: number;
}

export function parseClusterInfo(text: string): ClusterInfo {
  const info = parseInfo(text);
  const number = (key: string) => Number(info[key] ?? 0);
  return {
    state: info["cluster_state"] === "ok" ? "ok" : "fail",
    slotsAssigned: number("cluster_slots_assigned"),
    slotsOk: number("cluster_slots_ok"),
    slotsPfail: number("cluster_slots_pfail"),
    slotsFail: number("cluster_slots_fail"),
    knownNodes: number("cluster_known_nodes"),
    size: number("cluster_size"),
    currentEpoch: number("cluster_current_epoch"),
    myEpoch: number("cluster_my_epoch"),
  };
}
