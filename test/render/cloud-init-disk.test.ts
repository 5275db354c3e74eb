import { expect, test } from "vitest";
import { cloudInitDisk } from "../../lib/render/cloud-init-disk.ts";

const FILES = { userData: "#cloud-config\nhostname: a\n", metaData: "instance-id: a\n", networkConfig: "version: 1\n" };
const SECTOR = 2048;

/** The files of an image as Linux finds them: by the names of Rock Ridge in the records of the root folder, from the primary descriptor on. */
function filesOf(disk: Buffer): Readonly<Record<string, string>> {
  const root = disk.readUInt32LE(16 * SECTOR + 156 + 2) * SECTOR;
  const files: Record<string, string> = {};
  for (let at = root; disk[at] !== 0; at += disk[at] ?? 0) {
    const nameLength = disk[at + 32] ?? 0;
    let name: string | undefined;
    for (
      let field = at + 33 + nameLength + (nameLength % 2 === 0 ? 1 : 0);
      field + 4 <= at + (disk[at] ?? 0);
      field += disk[field + 2] ?? 0
    ) {
      if (disk[field] === 0) break;
      if (disk.toString("latin1", field, field + 2) === "NM") name = disk.toString("latin1", field + 5, field + (disk[field + 2] ?? 0));
    }
    const start = disk.readUInt32LE(at + 2) * SECTOR;
    if (name !== undefined) files[name] = disk.toString("utf8", start, start + disk.readUInt32LE(at + 10));
  }
  return files;
}

test("the disk has the label and the files that NoCloud looks for", () => {
  const disk = cloudInitDisk(FILES);
  expect(disk.toString("latin1", 16 * SECTOR, 16 * SECTOR + 7)).toBe("\x01CD001\x01");
  expect(disk.toString("latin1", 16 * SECTOR + 40, 16 * SECTOR + 72).trimEnd()).toBe("cidata");
  expect(disk.toString("latin1", 17 * SECTOR, 17 * SECTOR + 7)).toBe("\xffCD001\x01");
  expect(filesOf(disk)).toEqual({ "meta-data": FILES.metaData, "network-config": FILES.networkConfig, "user-data": FILES.userData });
});

test("its size is whole sectors, and the one that it says", () => {
  const disk = cloudInitDisk(FILES);
  expect(disk.length % SECTOR).toBe(0);
  expect(disk.readUInt32LE(16 * SECTOR + 80) * SECTOR).toBe(disk.length);
  expect(disk.readUInt32BE(16 * SECTOR + 84) * SECTOR).toBe(disk.length);
});

test.each([0, 1, SECTOR - 1, SECTOR, SECTOR + 1, 5 * SECTOR])("a file of %d bytes is whole", (bytes) => {
  const userData = "x".repeat(bytes);
  expect(filesOf(cloudInitDisk({ ...FILES, userData }))).toMatchObject({ "user-data": userData, "network-config": FILES.networkConfig });
});

test("letters of all alphabets come through", () => {
  const userData = "#cloud-config\n# Käse, 漢字\n";
  expect(filesOf(cloudInitDisk({ ...FILES, userData }))["user-data"]).toBe(userData);
});

test("the same files are the same bytes, another one is another disk", () => {
  expect(cloudInitDisk({ ...FILES }).equals(cloudInitDisk(FILES))).toBe(true);
  expect(cloudInitDisk({ ...FILES, metaData: "instance-id: b\n" }).equals(cloudInitDisk(FILES))).toBe(false);
});
