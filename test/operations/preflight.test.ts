import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { imageFile } from "../../lib/libvirt/images.ts";
import { preflight } from "../../lib/operations/preflight.ts";
import type { Project } from "../../lib/project/project.ts";
import { formatPreflight } from "../../lib/report/preflight.ts";
import { clusterInput } from "../support/labs.ts";

// Without virsh, as on a control host that has Terraform alone; what is asked of a libvirt is in test/vms/libvirt.test.ts.

let folder: string;
const { PATH: path, XDG_CACHE_HOME: cache } = process.env;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-preflight-"));
  await mkdir(join(folder, "bin"));
  process.env["PATH"] = join(folder, "bin");
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
});
afterEach(async () => {
  process.env["PATH"] = path;
  if (cache === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = cache;
  await rm(folder, { recursive: true });
});

/** An image whose disk has 8 GiB, in a file, and a lab of VMs that start from it. */
async function labWith({ sha256 = "", diskGiB = 20 } = {}) {
  const image = Buffer.alloc(1000, 7);
  image.writeUInt32BE(0x514649fb, 0);
  image.writeBigUInt64BE(0n, 8);
  image.writeBigUInt64BE(8n << 30n, 24);
  const location = join(folder, "image.qcow2");
  await writeFile(location, image);
  const sum = sha256 || createHash("sha256").update(image).digest("hex");
  return defineLab(clusterInput({ libvirt: { diskGiB, image: { location, sha256: sum, user: "debian", osFamily: "debian" } } }));
}

async function check(lab: Awaited<ReturnType<typeof labWith>>) {
  const project: Project = { root: folder, labsFile: join(folder, "labs.ts"), stateFolder: join(folder, ".redis-lab"), labs: [lab] };
  const report = await preflight({ project, lab, environment: process.env, emit: () => {} });
  return { report, text: formatPreflight(report) };
}

test("without virsh nothing is checked on the hypervisors, which is said, and the image is fetched", async () => {
  const lab = await labWith();
  const { report, text } = await check(lab);
  expect(report.ready).toBe(true);
  expect(report.checks.flatMap(({ findings }) => findings.map(({ severity, code }) => [severity, code]))).toEqual([
    ["warning", "libvirt.no-virsh"],
  ]);
  const { image } = lab.libvirt;
  const file = typeof image === "string" ? "" : imageFile(image);
  expect(existsSync(file)).toBe(true);
  expect(text).toContain(`✓ image (${file})`);
  expect(text).toMatch(/cluster: ready to be deployed \(0 errors, 1 warning\)$/);
  expect((await check(lab)).text).toContain("fetched before");
});

test("an image with another sum stops the deploy, and nothing is kept of it", async () => {
  const { report, text } = await check(await labWith({ sha256: "a".repeat(64) }));
  expect(report.ready).toBe(false);
  expect(report.checks.at(-1)).toMatchObject({ name: "image", findings: [{ severity: "error", code: "image.digest-wrong" }] });
  expect(text).toMatch(/✗ image[\s\S]*error The image [\s\S]*SHA-256/);
  expect(text).toMatch(/cluster: can't be deployed like this; nothing was changed \(1 error, 1 warning\)$/);
});

test("so does a disk that is smaller than the one in the image", async () => {
  const { report } = await check(await labWith({ diskGiB: 7 }));
  expect(report.checks.at(-1)?.findings).toMatchObject([
    { severity: "error", code: "image.larger-than-disk", next: expect.stringContaining("diskGiB of at least 8") },
  ]);
});
