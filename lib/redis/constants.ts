// Numbers that every Redis has compiled in.

/** Slots of a cluster (CLUSTER_SLOTS in cluster.h). */
export const SLOT_COUNT = 16384;

/** File descriptors that Redis keeps for itself beside those of its clients (CONFIG_MIN_RESERVED_FDS in server.h of 4.0.14). */
export const RESERVED_DESCRIPTORS = 32;
