/** What a reply to RESTORE means. Closed set. */
export type DeliveryVerdict =
  /** The key is there already. */
  | { readonly kind: "busy" }
  /** Another node owns the slot: for good, or (`ask`) for this key while its slot is moved. */
  | { readonly kind: "moved" | "ask"; readonly slot: number; readonly address: string; readonly port: number }
  /** Passes by itself: again, after a look at the cluster. */
  | { readonly kind: "passing" }
  /** The value was written by a newer Redis, or is damaged. */
  | { readonly kind: "unreadable" }
  /** This value alone. */
  | { readonly kind: "refused" }
  /** No other value would fare better. */
  | { readonly kind: "stops" };

// Texts: restoreCommand and getNodeByQuery in cluster.c, processCommand in server.c, of 4.0.14 to 7.0.15.
const MEANINGS: readonly (readonly [RegExp, Exclude<DeliveryVerdict["kind"], "moved" | "ask">])[] = [
  [/^BUSYKEY\b/, "busy"],
  [/^(LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|BUSY|READONLY|NOREPLICAS)\b/, "passing"],
  [/DUMP payload version or checksum are wrong/i, "unreadable"],
  [/^NOPERM\b.*\b(access|keys?)\b/i, "refused"],
  [/^(OOM|MISCONF|NOAUTH|NOPERM|EXECABORT)\b|unknown command/i, "stops"],
];

export function verdictOf(reply: string): DeliveryVerdict {
  const { kind, slot, address, port } = /^(?<kind>MOVED|ASK) (?<slot>\d+) (?<address>\S*):(?<port>\d+)/.exec(reply)?.groups ?? {};
  if (kind !== undefined) return { kind: kind === "ASK" ? "ask" : "moved", slot: Number(slot), address: address ?? "", port: Number(port) };
  return { kind: MEANINGS.find(([text]) => text.test(reply))?.[1] ?? "refused" };
}
