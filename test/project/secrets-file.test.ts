import { chmod, mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { Project } from "../../lib/project/project.ts";
import { loadSecrets, rotateSecrets, secretsFileOf, settleSecrets } from "../../lib/project/secrets-file.ts";
import { clusterInput } from "../support/labs.ts";

let project: Project;
const lab = defineLab(clusterInput());

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "redis-lab-secrets-"));
  project = { root, labsFile: join(root, "labs.ts"), stateFolder: join(root, ".redis-lab"), labs: [lab] };
});

test("the first call generates a password into a file of mode 0600, later ones read it", async () => {
  const first = await loadSecrets(project, lab, {});
  expect(await loadSecrets(project, lab, {})).toEqual(first);
  expect((await stat(secretsFileOf(project, lab))).mode & 0o777).toBe(0o600);
});

test("an edited password begins a new generation and keeps the former one until it is settled", async () => {
  const first = await loadSecrets(project, lab, {});
  const file = secretsFileOf(project, lab);
  await writeFile(file, (await readFile(file, "utf8")).replace(`"password": "${first.password}"`, '"password": "another-Password-1"'));
  const second = await loadSecrets(project, lab, {});
  expect(second).toMatchObject({ password: "another-Password-1", previous: first.password });
  expect(second.generation).not.toBe(first.generation);
  expect(await loadSecrets(project, lab, {})).toEqual(second);
  await settleSecrets(project, lab, second);
  expect(await loadSecrets(project, lab, {})).toEqual({ password: "another-Password-1", generation: second.generation });
});

test("rotation generates a new one and keeps the former one", async () => {
  const first = await loadSecrets(project, lab, {});
  await rotateSecrets(project, lab);
  const second = await loadSecrets(project, lab, {});
  expect(second.previous).toBe(first.password);
  expect(second.password).not.toBe(first.password);
});

test("REDIS_LAB_PASSWORD wins over the generated one, and is checked", async () => {
  const first = await loadSecrets(project, lab, {});
  expect(await loadSecrets(project, lab, { REDIS_LAB_PASSWORD: "from-the-Environment" })).toMatchObject({
    password: "from-the-Environment",
    previous: first.password,
  });
  await expect(loadSecrets(project, lab, { REDIS_LAB_PASSWORD: "123456" })).rejects.toMatchObject({ code: "secrets.weak-password" });
});

test("a lab that takes its password from a variable or a file says what is missing", async () => {
  const fromVariable = defineLab(clusterInput({ secrets: { password: { from: "environment", name: "TEAM_PASSWORD" } } }));
  await expect(loadSecrets(project, fromVariable, {})).rejects.toMatchObject({
    code: "secrets.missing",
    what: expect.stringContaining("TEAM_PASSWORD"),
  });
  const fromFile = defineLab(clusterInput({ secrets: { password: { from: "file", path: "password.txt" } } }));
  await expect(loadSecrets(project, fromFile, {})).rejects.toMatchObject({ code: "secrets.missing" });
  await writeFile(join(project.root, "password.txt"), "out-of-the-File-1\n", { mode: 0o644 });
  await expect(loadSecrets(project, fromFile, {})).rejects.toMatchObject({
    code: "file.not-private",
    next: expect.stringContaining("chmod 600"),
  });
  await chmod(join(project.root, "password.txt"), 0o600);
  expect(await loadSecrets(project, fromFile, {})).toMatchObject({ password: "out-of-the-File-1" });
});

test("a corrupt file is refused without showing what is in it", async () => {
  await loadSecrets(project, lab, {});
  await writeFile(secretsFileOf(project, lab), '{"password": "half-a-Secret');
  const failure = loadSecrets(project, lab, {});
  await expect(failure).rejects.toMatchObject({ code: "project.corrupt-file" });
  await expect(failure).rejects.not.toThrow("half-a-Secret");
});

test("first runs at the same time end with one password", async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => loadSecrets(project, lab, {})));
  expect(new Set(all.map(({ password, generation }) => `${password} ${generation}`)).size).toBe(1);
});

test("a rotation that did not come to its end goes on; a second one would forget the password that instances have", async () => {
  const first = await loadSecrets(project, lab, {});
  await rotateSecrets(project, lab);
  const second = await loadSecrets(project, lab, {});
  await rotateSecrets(project, lab);
  expect(await loadSecrets(project, lab, {})).toEqual({ ...second, previous: first.password });
  await settleSecrets(project, lab, second);
  await rotateSecrets(project, lab);
  expect((await loadSecrets(project, lab, {})).previous).toBe(second.password);
});

test("what was changed again meanwhile is not settled by who brought the one before", async () => {
  const first = await loadSecrets(project, lab, {});
  await rotateSecrets(project, lab);
  const second = await loadSecrets(project, lab, {});
  await settleSecrets(project, lab, first);
  expect((await loadSecrets(project, lab, {})).previous).toBe(first.password);
  await settleSecrets(project, lab, second);
  expect((await loadSecrets(project, lab, {})).previous).toBeUndefined();
});
