import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Emit } from "../../../lib/base/events.ts";
import { tryLock } from "../../../lib/base/file-lock.ts";
import { findProgram } from "../../../lib/base/find-program.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import type { Lab } from "../../../lib/lab/schema.ts";
import { imageFile } from "../../../lib/libvirt/images.ts";
import { preflight } from "../../../lib/operations/vms/preflight.ts";
import type { Project } from "../../../lib/project/project.ts";
import { chooseTarget, readState, statePaths, writeState } from "../../../lib/project/state.ts";
import { formatPreflight } from "../../../lib/report/preflight.ts";
import { fakeDeployed } from "../../libvirt/support/fake-virsh.ts";
import { clusterInput } from "../../support/labs.ts";

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

const NOW = "2026-12-01T10:00:00.000Z";

function projectOf(lab: Lab): Project {
  return { root: folder, labsFile: join(folder, "labs.ts"), stateFolder: join(folder, ".redis-lab"), labs: [lab] };
}

async function check(lab: Lab, environment = process.env, emit: Emit = () => {}) {
  const project = projectOf(lab);
  const report = await preflight({ project, lab, environment, emit, now: () => new Date(NOW) });
  return { report, text: formatPreflight(report), meant: await chooseTarget(project, lab, undefined) };
}

/** Where the state is written, under a lock. */
async function insideTerraform(): Promise<NodeJS.ProcessEnv> {
  const found = findProgram("flock", { PATH: path }, undefined);
  if (found.kind !== "found") throw new Error("there is no flock");
  await symlink(found.path, join(folder, "bin", "flock"));
  return { ...process.env, REDIS_LAB_IN_TERRAFORM: "1" };
}

test("inside Terraform it waits for another run of the lab, and loses nothing of what that writes to the state", async () => {
  const lab = await labWith();
  const environment = await insideTerraform();
  const paths = statePaths(projectOf(lab), lab.name, "libvirt");
  const attempt = await tryLock(paths.lockFile, { verb: "leave cluster redis-48", since: NOW });
  if (!attempt.taken) throw new Error("the lock is another's");
  const before = await readState(paths);
  let done = Promise.resolve<unknown>(undefined);
  const waits = new Promise<string>((resolve) => {
    done = check(lab, environment, (event) => {
      if (event.type === "notice") resolve(event.text);
    });
  });
  const first = await Promise.race([waits, done.then(() => "it did not wait")]);
  await writeState(paths, { ...before, failovers: { "redis-18:6379": NOW } });
  await attempt.lock.release();
  await done;
  expect(first).toContain("waiting for another redis-lab: `leave cluster redis-48`");
  expect(await readState(paths)).toMatchObject({ failovers: { "redis-18:6379": NOW }, deployBegan: NOW });
});

test("inside Terraform the lab means its VMs from then on: an interrupted first deploy must not become a second lab on this computer", async () => {
  const inside = await insideTerraform();
  expect((await check(await labWith({ sha256: "a".repeat(64) }), inside)).meant).toBe("local");
  expect((await check(await labWith())).meant).toBe("local");
  expect((await check(await labWith(), inside)).meant).toBe("libvirt");
});

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

test("a repair that failed is named as what was to be done, and why it was not", async () => {
  const lab = await labWith();
  await fakeDeployed(folder, lab, { "net-start": "echo 'error: no dnsmasq here' >&2; exit 1" });
  const { report } = await check(lab);
  expect(report.checks.find(({ name }) => name === "repairs")).toMatchObject({
    seen: "",
    findings: [
      { severity: "warning", code: "deployed.not-repaired", what: "A repair failed: start the network cluster.", why: "no dnsmasq here" },
    ],
  });
  await fakeDeployed(folder, lab);
  expect((await check(lab)).report.checks.find(({ name }) => name === "repairs")).toMatchObject({
    seen: expect.stringMatching(/^started the network cluster/),
    findings: [],
  });
});
