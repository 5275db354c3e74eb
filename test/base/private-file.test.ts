import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPrivateFile } from "../../lib/base/private-file.ts";

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-private-"));
  file = join(folder, "it's a password");
  await writeFile(file, "of-the-lab\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([0o600, 0o400, 0o700])("mode %o: nobody else can read it", async (mode) => {
  await chmod(file, mode);
  expect(await readPrivateFile(file)).toBe("of-the-lab\n");
});

test.each([0o644, 0o640, 0o620, 0o604, 0o602, 0o777, 0o610])(
  "mode %o: refused, with the line that cures it, and without what is in it",
  async (mode) => {
    await chmod(file, mode);
    const refused = readPrivateFile(file);
    await expect(refused).rejects.toMatchObject({ code: "file.not-private", kind: "refused" });
    await expect(refused).rejects.not.toThrow("of-the-lab");
    const next = await refused.catch((error: { next: string }) => error.next);
    await promisify(execFile)("sh", ["-c", /chmod 600 .*'/.exec(next)?.[0] ?? "false"]);
    expect(await readPrivateFile(file)).toBe("of-the-lab\n");
  },
);

test("a pipe has no permissions to speak of, and what is not there is the system's error", async () => {
  const compiled = new URL("../../dist/lib/base/private-file.js", import.meta.url);
  const script = `printf piped | node -e 'import("${compiled}").then((m) => m.readPrivateFile("/dev/stdin")).then((t) => process.stdout.write(t))'`;
  expect((await promisify(execFile)("bash", ["-c", script])).stdout).toBe("piped");
  await expect(readPrivateFile(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
});
