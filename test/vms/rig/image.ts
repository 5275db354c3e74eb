import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { cached } from "../../support/cached.ts";
import { run, tryRun } from "../../support/command.ts";
import { hostAptOptions, hostSources } from "../../support/debian-packages.ts";
import { CUSTOMIZE, EXCLUDED, PACKAGES, SUITE } from "./image-recipe.ts";

/** A bootable cloud image, as a lab's `libvirt.image` wants it. */
export interface TestImage {
  /** Absolute path of a qcow2 file. */
  readonly location: string;
  readonly sha256: string;
  readonly user: string;
  readonly osFamily: "debian";
}

/** Of the disk inside the image, in MiB; cloud-init lets it grow to the size of a VM's disk. */
const DISK_MIB = 1024;
/** Where the only partition begins, in bytes: sector 2048. */
const PARTITION = 1 << 20;
const MBR = "/usr/lib/syslinux/mbr/mbr.bin";

/** The Debian of the VMs, made once and kept under a key of all that went into it. Needs root, a loop device and the package mirror. */
export async function ensureImage(log: (line: string) => void): Promise<TestImage> {
  const key = createHash("sha256")
    .update(JSON.stringify([SUITE, PACKAGES, EXCLUDED, CUSTOMIZE, DISK_MIB]))
    .digest("hex")
    .slice(0, 16);
  const folder = await cached("test-vms", `image-${key}`, async (work) => {
    log("making the image of the VMs with mmdebstrap (once; about two minutes) …");
    await mkdir(join(work, "image"));
    await makeTree(work);
    await makeDisk(join(work, "root"), join(work, "disk.raw"));
    await run("qemu-img", ["convert", "-O", "qcow2", join(work, "disk.raw"), join(work, "image", "debian.qcow2")]);
    await writeFile(join(work, "image", "sha256"), await sha256Of(join(work, "image", "debian.qcow2")));
    return join(work, "image");
  });
  return {
    location: join(folder, "debian.qcow2"),
    sha256: await readFile(join(folder, "sha256"), "utf8"),
    user: "debian",
    osFamily: "debian",
  };
}

async function makeTree(work: string): Promise<void> {
  await writeFile(join(work, "customize"), CUSTOMIZE, { mode: 0o755 });
  const args = ["--quiet", "--mode=root", "--variant=minbase", `--include=${PACKAGES.join(",")}`, ...(await hostAptOptions())];
  args.push(...EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`), `--customize-hook=${join(work, "customize")} "$1"`);
  await run("mmdebstrap", [...args, SUITE, join(work, "root"), ...(await hostSources(SUITE))]);
}

/** A disk with one partition that BIOS and extlinux boot. Devices of partitions do not appear everywhere, so the loop device begins where the partition does. */
async function makeDisk(tree: string, disk: string): Promise<void> {
  await writeFile(disk, await masterBootRecord());
  await truncate(disk, DISK_MIB << 20);
  const device = (await run("losetup", ["--find", "--show", "--offset", String(PARTITION), disk])).trim();
  const mounted = `${disk}.mounted`;
  try {
    // extlinux reads neither 64bit nor metadata_csum; what is not initialised now, every VM would have to do.
    const features = ["-O", "^64bit,^metadata_csum", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
    await run("mkfs.ext4", ["-q", "-F", "-m", "0", ...features, "-d", tree, device]);
    await mkdir(mounted);
    await run("mount", ["-t", "ext4", device, mounted]);
    await run("extlinux", ["--install", join(mounted, "boot", "extlinux")]);
  } finally {
    await tryRun("umount", [mounted]);
    await run("losetup", ["--detach", device]);
  }
}

/** syslinux's boot code, and one active Linux partition to the end of the disk. */
async function masterBootRecord(): Promise<Buffer> {
  const record = Buffer.alloc(512);
  (await readFile(MBR)).copy(record, 0, 0, 440);
  const [active, linux] = [0x80, 0x83];
  record.writeUInt8(active, 446);
  // Cylinders, heads and sectors are not used any more: "too large" by convention.
  Buffer.from([0xfe, 0xff, 0xff]).copy(record, 447);
  record.writeUInt8(linux, 450);
  Buffer.from([0xfe, 0xff, 0xff]).copy(record, 451);
  record.writeUInt32LE(PARTITION / 512, 454);
  record.writeUInt32LE(((DISK_MIB << 20) - PARTITION) / 512, 458);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
