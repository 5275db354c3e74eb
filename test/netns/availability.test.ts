import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../lib/base/find-program.ts";
import { assertAvailable } from "../../lib/netns/availability.ts";

let bin: string;
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "redis-lab-bin-"));
  for (const program of ["sh", "unshare", "nsenter", "mount", "mkdir", "ip"]) {
    const found = findProgram(program, process.env);
    if (found.kind !== "found") throw new Error(`${program} is needed`);
    await symlink(found.path, join(bin, program));
  }
});
afterAll(() => rm(bin, { recursive: true }));

test("namespaces can be made here", async () => {
  await assertAvailable({ PATH: bin });
});

test.each([
  ["nsenter", "util-linux"],
  ["ip", "iproute"],
])("without %s the package is named", async (program, named) => {
  await rm(join(bin, program));
  await expect(assertAvailable({ PATH: bin })).rejects.toMatchObject({
    code: "netns.program-missing",
    what: expect.stringContaining(`The program ${program},`),
    next: expect.stringMatching(new RegExp(`${named}[\\s\\S]*redis-lab up LAB --target local`)),
  });
  await writeFile(join(bin, program), "#!/bin/sh\n");
  await chmod(join(bin, program), 0o755);
});

test("an unshare that fails is said with its words, and with both ways out", async () => {
  await rm(join(bin, "unshare"));
  await writeFile(join(bin, "unshare"), "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n");
  await chmod(join(bin, "unshare"), 0o755);
  await expect(assertAvailable({ PATH: bin })).rejects.toMatchObject({
    code: "netns.forbidden",
    what: expect.stringContaining("unshare failed: Operation not permitted"),
    next: expect.stringMatching(/Allow it: [\s\S]*redis-lab up LAB --target local/),
  });
});
