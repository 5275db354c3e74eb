import type { CloudInitFiles } from "./cloud-init.ts";

// An ISO 9660 image (ECMA-119) with Rock Ridge names, as `mkisofs -rock -volid cidata` makes it, but the same bytes for the same files: no time, no random identifier. So it can be
// seen by its digest whether a VM has the disk that it should have, on whatever computer.

const SECTOR = 2048;
/** System area, then the descriptors, the two path tables and the root folder, one sector each; the files follow. */
const PRIMARY = 16;
const TERMINATOR = 17;
const PATH_TABLE_LITTLE = 18;
const PATH_TABLE_BIG = 19;
const ROOT = 20;
const FIRST_FILE = 21;
/** The label by which cloud-init's data source NoCloud knows its disk. */
const LABEL = "cidata";

interface IsoFile {
  /** As level 1 of the standard allows, which nobody reads where Rock Ridge is known. */
  readonly shortName: string;
  readonly name: string;
  readonly content: Buffer;
  readonly sector: number;
}

/** The disk that cloud-init's data source NoCloud reads. Pure, and the same for the same files. */
export function cloudInitDisk(files: CloudInitFiles): Buffer {
  const entries = place([
    ["META_DAT.;1", "meta-data", files.metaData],
    ["NETWORK_.;1", "network-config", files.networkConfig],
    ["USER_DAT.;1", "user-data", files.userData],
  ]);
  const sectors = entries.reduce((end, { sector, content }) => Math.max(end, sector + sectorsOf(content.length)), FIRST_FILE);
  const disk = Buffer.alloc(sectors * SECTOR);
  primaryDescriptor(sectors).copy(disk, PRIMARY * SECTOR);
  disk.write("\xffCD001\x01", TERMINATOR * SECTOR, "latin1");
  pathTable("little").copy(disk, PATH_TABLE_LITTLE * SECTOR);
  pathTable("big").copy(disk, PATH_TABLE_BIG * SECTOR);
  rootFolder(entries).copy(disk, ROOT * SECTOR);
  for (const { content, sector } of entries) content.copy(disk, sector * SECTOR);
  return disk;
}

function place(files: readonly (readonly [shortName: string, name: string, text: string])[]): readonly IsoFile[] {
  let sector = FIRST_FILE;
  return files.map(([shortName, name, text]) => {
    const file = { shortName, name, content: Buffer.from(text, "utf8"), sector };
    sector += sectorsOf(file.content.length);
    return file;
  });
}

function sectorsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / SECTOR));
}

/** ECMA-119, 8.4. */
function primaryDescriptor(sectors: number): Buffer {
  const descriptor = Buffer.alloc(SECTOR);
  descriptor.write("\x01CD001\x01", 0, "latin1");
  descriptor.fill(" ", 8, 72);
  descriptor.write(LABEL, 40, "latin1");
  both32(sectors).copy(descriptor, 80);
  both16(1).copy(descriptor, 120);
  both16(1).copy(descriptor, 124);
  both16(SECTOR).copy(descriptor, 128);
  both32(pathTable("little").length).copy(descriptor, 132);
  descriptor.writeUInt32LE(PATH_TABLE_LITTLE, 140);
  descriptor.writeUInt32BE(PATH_TABLE_BIG, 148);
  record("\0", ROOT, SECTOR, true, []).copy(descriptor, 156);
  // Names of publisher, preparer and the like: none.
  descriptor.fill(" ", 190, 813);
  // Four times, not given: sixteen zeros and an offset of none.
  for (let at = 813; at < 881; at += 17) descriptor.write("0".repeat(16), at, "latin1");
  descriptor[881] = 1;
  return descriptor;
}

/** ECMA-119, 9.4: the root alone. */
function pathTable(order: "little" | "big"): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (order === "little") {
    table.writeUInt32LE(ROOT, 2);
    table.writeUInt16LE(1, 6);
  } else {
    table.writeUInt32BE(ROOT, 2);
    table.writeUInt16BE(1, 6);
  }
  return table;
}

function rootFolder(files: readonly IsoFile[]): Buffer {
  const folder = posixAttributes(0o040_555, 2);
  return Buffer.concat([
    // SP says that Rock Ridge is used (SUSP 5.3), ER which extension it is (5.5).
    record("\0", ROOT, SECTOR, true, [field("SP", Buffer.from([0xbe, 0xef, 0])), folder, extensionReference("RRIP_1991A")]),
    record("\x01", ROOT, SECTOR, true, [folder]),
    ...files.map(({ shortName, name, content, sector }) =>
      record(shortName, sector, content.length, false, [
        posixAttributes(0o100_444, 1),
        field("NM", Buffer.concat([Buffer.from([0]), Buffer.from(name, "latin1")])),
      ]),
    ),
  ]);
}

/** A directory record (ECMA-119, 9.1), with fields of Rock Ridge behind it. */
function record(name: string, sector: number, bytes: number, folder: boolean, fields: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(33 + name.length + (name.length % 2 === 0 ? 1 : 0));
  both32(sector).copy(head, 2);
  both32(bytes).copy(head, 10);
  // The first of January 1980, in the time zone of nobody.
  Buffer.from([80, 1, 1]).copy(head, 18);
  head[25] = folder ? 2 : 0;
  both16(1).copy(head, 28);
  head[32] = name.length;
  head.write(name, 33, "latin1");
  const whole = Buffer.concat([head, ...fields]);
  const even = whole.length % 2 === 0 ? whole : Buffer.concat([whole, Buffer.alloc(1)]);
  even[0] = even.length;
  return even;
}

/** A system use field: signature, length, version 1, data (SUSP 4.1). */
function field(signature: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(signature, "latin1"), Buffer.from([4 + data.length, 1]), data]);
}

/** PX: mode, links, user and group (RRIP 4.1.1). */
function posixAttributes(mode: number, links: number): Buffer {
  return field("PX", Buffer.concat([mode, links, 0, 0].map(both32)));
}

function extensionReference(identifier: string): Buffer {
  return field("ER", Buffer.concat([Buffer.from([identifier.length, 0, 0, 1]), Buffer.from(identifier, "latin1")]));
}

/** A number in both byte orders, one after the other. */
function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}
