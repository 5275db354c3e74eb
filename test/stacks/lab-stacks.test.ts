import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing } from "cdktf";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LabInput } from "../../lib/lab/schema.ts";
import { addLabStacks } from "../../stacks/lab-stacks.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { annotationsOf } from "./support.ts";

// From a labs file to what cdktf writes, as main.ts does it, in a project of its own.
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "redis-lab-main-"));
  await mkdir(join(root, "stacks"));
  await mkdir(join(root, "bin"));
  for (const name of ["terraform", "npx"]) await writeFile(join(root, "bin", name), "", { mode: 0o755 });
  vi.stubEnv("PATH", join(root, "bin"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

// Neither this computer's libvirt nor its /dev/kvm is part of these tests.
const LIBVIRT: NonNullable<LabInput["libvirt"]> = { hypervisors: [{ name: "kvm-1", uri: "qemu+ssh://root@kvm-1/system" }] };

async function write(...labs: readonly LabInput[]): Promise<void> {
  const text = labs.map((lab, index) => `export const lab${index} = defineLab(${JSON.stringify(lab)});\n`).join("");
  await writeFile(join(root, "stacks/labs.mjs"), `import { defineLab } from "redis-lab";\n${text}`);
}

async function made() {
  const app = Testing.app({ outdir: join(root, "cdktf.out"), stackTraces: false, stubVersion: false });
  return { app, stacks: await addLabStacks(app, { from: root }) };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test("every lab has its stack, and the second synth writes the same bytes", async () => {
  await write(clusterInput({ libvirt: LIBVIRT }), sentinelInput({ libvirt: LIBVIRT }));
  const synthesise = async () => {
    const { app, stacks } = await made();
    expect(stacks.flatMap(annotationsOf)).toEqual([]);
    app.synth();
    return Promise.all(["cluster", "sentinel"].map((name) => readFile(join(root, "cdktf.out/stacks", name, "cdk.tf.json"), "utf8")));
  };
  await mkdir(join(root, "cdktf.out"));
  await mkdir(join(root, "cdktf.out/stacks"));
  const first = await synthesise();
  expect(await synthesise()).toEqual(first);
});

test("the first synth makes key and secrets, and nothing of them is in what Terraform gets", async () => {
  await write(clusterInput({ libvirt: LIBVIRT }));
  const { app } = await made();
  app.synth();
  const state = join(root, ".redis-lab/cluster");
  const { password, generation } = JSON.parse(await readFile(join(state, "secrets.json"), "utf8"));
  const privateKey = await readFile(join(state, "id_ed25519"), "utf8");
  expect((await stat(join(state, "id_ed25519"))).mode & 0o777).toBe(0o600);
  const secrets = [password, generation, ...privateKey.split("\n").filter((line) => line !== "" && !line.startsWith("-----"))];
  const publicKey = (await readFile(join(state, "id_ed25519.pub"), "utf8")).trim();
  const texts = await Promise.all((await filesBelow(join(root, "cdktf.out"))).map((file) => readFile(file, "utf8")));
  expect(texts.join("")).toContain(publicKey);
  for (const secret of secrets) expect(texts.join("")).not.toContain(secret);
});

test("a rotated password runs the bootstrap again, a given one is not needed for a synth", async () => {
  await write(clusterInput({ libvirt: LIBVIRT }));
  const digest = async () => JSON.parse(Testing.synth((await made()).stacks[0]!)).resource.terraform_data.Bootstrap.triggers_replace.digest;
  const before = await digest();
  const secrets = join(root, ".redis-lab/cluster/secrets.json");
  await writeFile(secrets, JSON.stringify({ ...JSON.parse(await readFile(secrets, "utf8")), password: "another-password-of-theirs" }));
  expect(await digest()).not.toBe(before);
  await write(clusterInput({ libvirt: LIBVIRT, secrets: { password: { from: "environment", name: "NOBODY_SETS_THIS" } } }));
  const given = await digest();
  vi.stubEnv("NOBODY_SETS_THIS", "a-password-for-somebody");
  expect(await digest()).toBe(given);
});

test("a key for everybody stands in the user data, and none is made", async () => {
  const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNbDyB2pBsI1tYB4sGKvnLxaTLtzhEJoxH5yCb4CqYp team";
  await writeFile(join(root, "team.pub"), `${line}\n`);
  await write(clusterInput({ libvirt: { ...LIBVIRT, publicKeyFile: "team.pub" } }));
  const { stacks } = await made();
  Testing.synth(stacks[0]!);
  const seeds = join(root, "cdktf.out/stacks/cluster/seeds");
  for (const seed of await readdir(seeds)) expect(await readFile(join(seeds, seed), "utf8")).toContain(line);
  expect(await readdir(join(root, ".redis-lab/cluster"))).toEqual(["secrets.json"]);
});

test("the hardware that was applied last is compared with the declared one", async () => {
  await write(sentinelInput({ libvirt: LIBVIRT }));
  await mkdir(join(root, ".redis-lab/sentinel/libvirt"), { recursive: true });
  const vms = { "redis-18": { domainId: "1", vcpus: 1, memoryMiB: 1024 } };
  await writeFile(
    join(root, ".redis-lab/sentinel/libvirt/state.json"),
    JSON.stringify({ format: 1, live: true, lastUp: "2026-01-01T00:00:00Z", members: [], vms }),
  );
  expect((await made()).stacks.flatMap(annotationsOf)).toEqual([expect.stringMatching(/^warn redis-18 \(memoryMiB 1024 → 2048\)/)]);
});

test("what is missing on this computer is said once, as a warning", async () => {
  vi.stubEnv("PATH", join(root, "stacks"));
  await write(clusterInput({ libvirt: LIBVIRT }), sentinelInput({ libvirt: LIBVIRT }));
  const { app, stacks } = await made();
  expect(stacks.flatMap(annotationsOf).map((text) => text.split(" is ")[0])).toEqual(["warn terraform", "warn npx"]);
  app.synth();
});

describe("fails the synth, with the lab's own words and no trace of a program,", () => {
  const fault = async () => {
    const { app } = await made();
    try {
      app.synth();
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("the synth succeeded");
  };

  test("a labs file with a fault", async () => {
    await write({ ...clusterInput(), hosts: [] });
    expect(await fault()).toMatch(/\[labs\] The lab "cluster" has .*\n {2}hosts: needs at least one host[\s\S]*Fix the definition/);
  });

  test("no labs file", async () => {
    expect(await fault()).toMatch(/\[labs\] No labs file above /);
  });

  test("a secrets file that is none", async () => {
    await write(clusterInput({ libvirt: LIBVIRT }));
    await mkdir(join(root, ".redis-lab/cluster"), { recursive: true });
    await writeFile(join(root, ".redis-lab/cluster/secrets.json"), "{");
    expect(await fault()).toMatch(/secrets\.json is not what redis-lab wrote/);
  });

  test("two labs that would keep one state", async () => {
    const libvirt = { ...LIBVIRT, backend: { kind: "s3" as const, settings: { bucket: "states", key: "one" } } };
    await write(clusterInput({ libvirt }), sentinelInput({ libvirt }));
    expect(await fault()).toContain('The labs "cluster" and "sentinel" would keep one state');
  });

  test("a labs file that can't be loaded", async () => {
    await writeFile(join(root, "stacks/labs.mjs"), `throw new TypeError("not today")`);
    expect(await fault()).toMatch(/labs\.mjs can't be loaded: not today/);
  });
});
