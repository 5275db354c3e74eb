import { open } from "node:fs/promises";

/** What a file is that should be a qcow2 image: `kind` says what it is instead. */
export type SeenImage =
  | { readonly fileBytes: number; readonly virtualBytes: number }
  | { readonly fileBytes: number; readonly kind: ImageKind };

export type ImageKind = "gzip" | "xz" | "zip" | "zstd" | "html" | "vmdk" | "dependent" | "empty" | "raw" | "unknown";

/** Beginnings of files, in bytes. */
const MAGIC: readonly (readonly [ImageKind, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["vmdk", [0x4b, 0x44, 0x4d, 0x56]],
];

/** Reads the header (docs/interop/qcow2.txt of QEMU): magic, version, offset of a backing file's name, and at byte 24 the size of the disk. */
export async function readImageHeader(path: string): Promise<SeenImage> {
  const file = await open(path, "r");
  try {
    const fileBytes = (await file.stat()).size;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head.length >= 32 && head.readUInt32BE(0) === 0x514649fb) {
      return head.readBigUInt64BE(8) === 0n
        ? { fileBytes, virtualBytes: Number(head.readBigUInt64BE(24)) }
        : { fileBytes, kind: "dependent" };
    }
    if (head.length === 0) return { fileBytes, kind: "empty" };
    const known = MAGIC.find(([, bytes]) => bytes.every((byte, index) => head[index] === byte))?.[0];
    if (known !== undefined) return { fileBytes, kind: known };
    if (/^\s*<(!doctype html|html|\?xml)/i.test(head.toString("latin1"))) return { fileBytes, kind: "html" };
    // The boot signature of a master boot record.
    const raw = head.length === 512 && head.readUInt16BE(510) === 0x55aa;
    return { fileBytes, kind: raw ? "raw" : "unknown" };
  } finally {
    await file.close();
  }
}
