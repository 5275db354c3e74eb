/** What an error reply in the middle of a move means. Closed set. */
export type Trouble =
  /** Passes by itself: the same command again, after a look at the cluster. */
  | "passing"
  /** The roles are not those that the move was planned for. */
  | "roles-changed"
  /** Both ends have the key. */
  | "busy-key"
  /** Sent, and what became of it is not known: source and target may both have it now. */
  | "unknown"
  /** Nothing but a human can fix it. */
  | "lasting";

// Texts: migrateCommand and clusterCommand in cluster.c, processCommand in server.c, of 4.0.14 to 7.0.15. What the target said comes behind `Target instance replied with error:`.
const MEANINGS: readonly (readonly [RegExp, Trouble])[] = [
  [/^IOERR/, "unknown"],
  [/\bBUSYKEY\b/, "busy-key"],
  [/\b(LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|BUSY)\b/, "passing"],
  [/\b(MOVED|ASK|READONLY)\b/, "roles-changed"],
  [/use SETSLOT only with masters/i, "roles-changed"],
  // A node that has not heard of an election yet, from 7.0 on.
  [/Target node is not a master/i, "roles-changed"],
  [/not the owner of hash slot/i, "roles-changed"],
  [/while I still hold keys/i, "roles-changed"],
  [/already the owner of hash slot/i, "roles-changed"],
  [/I don't know about node|Unknown node/i, "roles-changed"],
  [/Can't connect to target node/i, "passing"],
];

export function troubleOf(reply: string): Trouble {
  return MEANINGS.find(([text]) => text.test(reply))?.[1] ?? "lasting";
}
