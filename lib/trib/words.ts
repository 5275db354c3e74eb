// The lines of redis-trib.rb 4.0.14 that hold a wire word of Redis, so that no other file does.

/** Option of add-node: the new node becomes a replica. */
export const AS_REPLICA = "slave";

/** A flag of CLUSTER NODES as the server writes it. */
export function wireFlag(flag: string): string {
  return flag === "replica" ? "slave" : flag;
}

export function infoLine(node: string, shortId: string, keys: number, slots: number, replicas: number): string {
  return `${node} (${shortId}...) -> ${keys} keys | ${slots} slots | ${replicas} slaves.`;
}

export function unknownMasterWarning(node: string, masterId: string): string {
  return `*** WARNING: ${node} claims to be slave of unknown node ID ${masterId}.`;
}

export const OPTIMIZING = ">>> Trying to optimize slaves allocation for anti-affinity";
export const WITH_MASTER = "[WARNING] Some slaves are in the same host as their master";
export const WITH_SIBLING = "[WARNING] Some slaves of the same master are in the same host";
