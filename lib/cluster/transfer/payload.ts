/** What follows the value in the reply of DUMP: RDB version (two bytes, little endian) and CRC64 (createDumpPayload in cluster.c of 4.0.14). */
const FOOTER = 10;

/** The RDB version in which a value was dumped; undefined for what is no payload of DUMP. */
export function payloadVersion(dump: Buffer): number | undefined {
  return dump.length > FOOTER ? dump.readUInt16LE(dump.length - FOOTER) : undefined;
}

/** True where two values are the same byte for byte. Values that are not may still be equal: a set is dumped in the order of its server's own hash table. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.subarray(0, -FOOTER).equals(b.subarray(0, -FOOTER));
}
