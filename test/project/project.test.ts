import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LabInput } from "../../lib/lab/schema.ts";
import { openProject } from "../../lib/project/project.ts";
import { sentinelInput } from "../support/labs.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "redis-lab-project-"));
  await mkdir(join(root, "stacks"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function opened(lab: LabInput) {
  await writeFile(
    join(root, "stacks/labs.mjs"),
    `import { defineLab } from "redis-lab";\nexport const lab = defineLab(${JSON.stringify(lab)});\n`,
  );
  const [first] = (await openProject({ from: join(root, "stacks") })).labs;
  if (first === undefined) throw new Error("no lab");
  return first;
}

test("paths of this computer count from the project's folder, and ~ from the home folder", async () => {
  const image = { location: "images/debian.qcow2", sha256: "a".repeat(64), user: "debian", osFamily: "debian" as const };
  const hosts = sentinelInput().hosts.map((host, index) =>
    index === 0 ? { ...host, ssh: { keyFile: "host", jumpKeyFile: "~/jump" } } : host,
  );
  const lab = await opened(
    sentinelInput({
      hosts,
      ssh: { keyFile: "~/key", jumpKeyFile: "keys/jump" },
      libvirt: { image, publicKeyFile: "team.pub" },
      redis: { source: { kind: "file", path: "/srv/redis-4.0.14.tar.gz" } },
    }),
  );
  expect(lab.ssh).toEqual({ keyFile: join(homedir(), "key"), jumpKeyFile: join(root, "keys/jump") });
  expect(lab.hosts[0]?.ssh).toEqual({ keyFile: join(root, "host"), jumpKeyFile: join(homedir(), "jump") });
  expect(lab.libvirt).toMatchObject({ publicKeyFile: join(root, "team.pub"), image: { location: join(root, "images/debian.qcow2") } });
  expect(lab.redis.source).toEqual({ kind: "file", path: "/srv/redis-4.0.14.tar.gz" });
});

test("names and addresses are no paths", async () => {
  const image = { location: "https://example.org/debian.qcow2", sha256: "a".repeat(64), user: "debian", osFamily: "debian" as const };
  expect((await opened(sentinelInput({ libvirt: { image } }))).libvirt.image).toEqual(image);
  const plain = await opened(sentinelInput());
  expect([plain.libvirt.image, "publicKeyFile" in plain.libvirt]).toEqual(["centos-7", false]);
});
