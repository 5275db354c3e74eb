import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cluster, sentinel } from "../../stacks/labs.ts";

// cdktf is archived; cdktn goes on from it. The compiled app, run as cdktf would run it, once with each.
const MAIN = fileURLToPath(new URL("../../dist/stacks/main.js", import.meta.url));
const WITH_CDKTN = new URL("./with-cdktn.mjs", import.meta.url).href;
const versionOf = (name: string): string => createRequire(import.meta.url)(`${name}/package.json`).version;

let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "redis-lab-way-out-"));
  await mkdir(join(project, "stacks"));
  const labs = [cluster, sentinel].map((lab) => `export const ${lab.name} = defineLab(${JSON.stringify(lab)});\n`);
  await writeFile(join(project, "stacks/labs.mjs"), `import { defineLab } from "redis-lab";\n${labs.join("")}`);
});
afterAll(() => rm(project, { recursive: true, force: true }));

async function synthesised(...options: readonly string[]) {
  const { CDKTF_OUTDIR: _, ...env } = process.env;
  await promisify(execFile)(process.execPath, [...options, MAIN], { cwd: project, env });
  const stacks = [cluster, sentinel].map(async ({ name }) =>
    JSON.parse(await readFile(join(project, "cdktf.out/stacks", name, "cdk.tf.json"), "utf8")),
  );
  const all = await Promise.all(stacks);
  return {
    versions: all.map((stack) => stack["//"].metadata.version),
    stacks: all.map((stack) => ({ ...stack, "//": { ...stack["//"], metadata: { ...stack["//"].metadata, version: "" } } })),
  };
}

test("the labs are the same Terraform with cdktn in the place of cdktf, but for the version stamp", async () => {
  const [before, after] = [await synthesised(), await synthesised("--import", WITH_CDKTN)];
  expect(before.versions).toEqual([versionOf("cdktf"), versionOf("cdktf")]);
  expect(after.versions).toEqual([versionOf("cdktn"), versionOf("cdktn")]);
  expect(Object.keys(before.stacks[0].resource.libvirt_domain)).toHaveLength(7);
  expect(after.stacks).toEqual(before.stacks);
});
