import { execFile } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAIN, makeProject, smallCluster, type TestProject } from "../support/project.ts";

// What a verb loads before it does anything is most of the time that a user waits for it. Which modules, not how long: clocks are for bench.

let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(smallCluster());
  // As a user writes it: in TypeScript.
  await rename(join(project.folder, "stacks/labs.mjs"), join(project.folder, "stacks/labs.ts"));
  const hook = `
import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(join(project.folder, "loaded"))}, url + "\\n");
  return next(url, context);
}`;
  await writeFile(
    join(project.folder, "hook.mjs"),
    `import { appendFileSync } from "node:fs";
import { createRequire, register } from "node:module";
register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
const require = createRequire(import.meta.url);
process.on("exit", () => appendFileSync(${JSON.stringify(join(project.folder, "loaded"))}, Object.keys(require.cache).join("\\n") + "\\n"));
`,
  );
});
afterAll(() => project.remove());

/** Packages and rooms of redis-lab that a command loads, and whether one of them was loaded twice. */
async function loadedBy(...args: readonly string[]) {
  const file = join(project.folder, "loaded");
  await writeFile(file, "");
  await new Promise<void>((resolve) => {
    const hook = pathToFileURL(join(project.folder, "hook.mjs")).href;
    execFile(process.execPath, ["--import", hook, MAIN, ...args], { cwd: project.folder }, () => resolve());
  });
  const modules = [...new Set((await readFile(file, "utf8")).split("\n"))];
  const packages = modules.flatMap((name) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1] ?? []);
  const own = modules.filter((name) => !name.includes("/node_modules/")).flatMap((name) => /\/dist\/lib\/(\S+)\.js$/.exec(name)?.[1] ?? []);
  return { packages: new Set(packages), own };
}

const HEAVY = ["ssh2", "handlebars", "listr2", "cdktf", "constructs", "yaml", "diff", "typescript"];

test("--help loads the argument parser and no verb", async () => {
  const { packages, own } = await loadedBy("--help");
  expect(own).toContain("cli/main");
  expect(packages).toContain("commander");
  expect([...HEAVY, "jiti", "picocolors", "cli-table3", "@redis/client"].filter((name) => packages.has(name))).toEqual([]);
  expect(own.filter((name) => /^(cli\/verbs|operations|bootstrap|connection|cluster|sentinel|render)\//.test(name))).toEqual([]);
});

test("status loads neither SSH, templates nor the live display, and redis-lab itself once", async () => {
  const { packages, own } = await loadedBy("status", "cluster");
  expect(own).toContain("operations/status");
  expect(HEAVY.filter((name) => packages.has(name))).toEqual([]);
  // Of what is done to hosts the two that look: whether a server is ours, and what an instance waits for before its start.
  const hosts = own.filter((name) => /^(bootstrap|render|connection\/ssh)/.test(name));
  expect(hosts.toSorted()).toEqual(["bootstrap/ownership", "bootstrap/start-note"]);
  // The labs file imports redis-lab: that is this very module, neither transformed nor loaded again.
  expect(own.filter((name, index) => own.indexOf(name) !== index)).toEqual([]);
});
