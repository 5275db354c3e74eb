import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cacheFolder } from "../../lib/base/cache-folder.ts";
import { findProgram } from "../../lib/base/find-program.ts";
import { resourceOf, synthOf } from "../stacks/support.ts";
import { tryRun } from "../support/command.ts";
import { clusterInput } from "../support/labs.ts";
import { MAIN } from "../support/project.ts";

// A Terraform state that others write: the key of a member that has left the configuration is in it, and Terraform hands that key to a shell at the next deploy.

/** What Terraform reads of a lab, without what a host of its own would be needed for. */
const member = resourceOf(synthOf(clusterInput()), "terraform_data", "Member");
const { command, environment } = member["provisioner"][0]["local-exec"];

/** What is run leaves a file behind. */
const KEYS = [
  "redis-78; touch PWNED; echo",
  "$(touch PWNED)`touch PWNED`",
  '"; touch PWNED; "',
  "'; touch PWNED; '",
  "redis-78\ntouch PWNED\n",
  "",
  // Words that are options where a host is expected: a labs file is a program, and `--help` ends well without a leave.
  "--labs=evil.mjs",
  "--help",
  "--version",
  "--",
];

const terraform = findProgram("terraform", process.env, undefined);
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-state-"));
  await mkdir(join(folder, "node_modules/.bin"), { recursive: true });
  await mkdir(join(folder, "stacks"));
  await mkdir(join(folder, "home"));
  await symlink(MAIN, join(folder, "node_modules/.bin/redis-lab"));
  await writeFile(join(folder, "package.json"), '{ "name": "project", "private": true, "type": "module" }');
  await writeFile(
    join(folder, "stacks/labs.ts"),
    `import { defineLab } from ${JSON.stringify(join(MAIN, "../../index.js"))};\nexport const lab = defineLab(${JSON.stringify(clusterInput())});\n`,
  );
  await writeFile(join(folder, "evil.mjs"), 'import { writeFileSync } from "node:fs";\nwriteFileSync("PWNED", "");\n');
  const { REDIS_LAB_LABS: _, REDIS_LAB_PASSWORD: __, ...rest } = process.env;
  env = { ...rest, HOME: join(folder, "home"), XDG_CACHE_HOME: join(cacheFolder(), ".."), TF_CLI_CONFIG_FILE: join(folder, "none.tfrc") };
  await writeFile(join(folder, "none.tfrc"), "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Gives the key of each to the command, and tells which members are gone then. */
async function play(): Promise<{ readonly gone: readonly string[]; readonly said: string }> {
  if (terraform.kind === "found") return playByTerraform(terraform.path);
  // As the provisioner local-exec does it.
  const played = KEYS.map(async (key) => {
    const values = { ...environment, REDIS_LAB_HOST: key };
    const { code, stdout, stderr } = await tryRun("/bin/sh", ["-c", `cd '${folder}' && ${command}`], { env: { ...env, ...values } });
    return { key, code, said: stdout + stderr };
  });
  const results = await Promise.all(played);
  return { gone: results.filter(({ code }) => code === 0).map(({ key }) => key), said: results.map(({ said }) => said).join("\n") };
}

async function playByTerraform(program: string): ReturnType<typeof play> {
  const at = join(folder, "cdktf.out/stacks/cluster");
  await mkdir(at, { recursive: true });
  const block = { ...member, for_each: {}, depends_on: undefined };
  await writeFile(join(at, "cdk.tf.json"), JSON.stringify({ resource: { terraform_data: { Member: block } } }));
  const type = ["object", { domain: "string", hypervisor: "string" }];
  const instances = KEYS.map((key, index) => ({
    index_key: key,
    schema_version: 0,
    attributes: { id: `id-${index}`, input: null, output: null, triggers_replace: { value: { domain: "d", hypervisor: "local" }, type } },
    sensitive_attributes: [],
  }));
  const provider = 'provider["terraform.io/builtin/terraform"]';
  const resources = [{ mode: "managed", type: "terraform_data", name: "Member", provider, instances }];
  const file = join(at, "terraform.tfstate");
  await writeFile(
    file,
    JSON.stringify({
      version: 4,
      terraform_version: "1.5.0",
      serial: 1,
      lineage: "of-an-attacker",
      outputs: {},
      resources,
      check_results: null,
    }),
  );
  const run = (...args: readonly string[]) => tryRun(program, [`-chdir=${at}`, ...args, "-no-color"], { env });
  expect(await run("init")).toMatchObject({ code: 0 });
  const { stdout, stderr } = await run("apply", "-auto-approve");
  const state: { resources: { instances: { index_key: string }[] }[] } = JSON.parse(await readFile(file, "utf8"));
  const left = new Set(state.resources.flatMap((resource) => resource.instances.map((instance) => instance.index_key)));
  return { gone: KEYS.filter((key) => !left.has(key)), said: stdout + stderr };
}

test("a key of the state is a value to the shell and a host to leave, which there is none of: nothing runs, and no VM is ended over it", async () => {
  const { gone, said } = await play();
  expect(gone, said).toEqual([]);
  const flat = (text: string) => text.replaceAll(/\s+/g, " ");
  for (const key of KEYS) expect(flat(said)).toContain(flat(`The lab "cluster" declares no host "${key}", this computer remembers none`));
  expect(await readdir(folder, { recursive: true }), said).not.toContain("PWNED");
});
