import { createHash } from "node:crypto";
import { appendFile, chmod, copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { type CommandResult, run, tryRun } from "../../support/command.ts";
import { terraformBinary } from "../rig/provider.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const MAIN = join(ROOT, "dist/stacks/main.js");
const CLI = join(ROOT, "dist/lib/cli/main.js");

/** What Terraform would do: `ACTIONS ADDRESS`, without the hash of the address, in the order of the addresses. */
export type Changes = readonly string[];

/** How redis-lab was called by Terraform. */
export interface Call {
  readonly words: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A project whose stacks are made by the compiled app and given to the real Terraform and provider, with a stand-in for redis-lab that records its calls: nothing boots. */
export interface TerraformProject {
  readonly folder: string;
  /** An image with nothing on it, as a lab declares it. */
  readonly image: Exclude<NonNullable<LabInput["libvirt"]>["image"], string | undefined>;
  /** Writes the labs, makes their stacks again and initialises Terraform in each. */
  synth(...labs: readonly LabInput[]): Promise<void>;
  /** Makes this the project of an example with one lab: its own stacks, and its labs file as it is made here. */
  synthExample(example: string, lab: string, labsFile: (text: string) => string): Promise<void>;
  terraform(lab: string, ...args: readonly string[]): Promise<CommandResult>;
  /** As `terraform`, and fails with what it said unless it succeeds. */
  ok(lab: string, ...args: readonly string[]): Promise<string>;
  plan(lab: string): Promise<Changes>;
  /** The calls since the last time that this was asked for. */
  calls(): Promise<readonly Call[]>;
  /** What the last synth warned of about a lab. */
  warnings(lab: string): Promise<readonly string[]>;
  /** Runs the real redis-lab in the project, without a terminal. */
  redisLab(...args: readonly string[]): Promise<CommandResult>;
  /** Whether the stand-in fails for this verb from now on. */
  fail(verb: string, fails: boolean): Promise<void>;
  remove(): Promise<void>;
}

const NPX = `#!/usr/bin/env node
const { appendFileSync, existsSync } = require("node:fs");
const [, , , ...words] = process.argv.slice(1);
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("REDIS_LAB_")));
appendFileSync(__dirname + "/calls", JSON.stringify({ words: words.join(" "), folder: process.cwd(), environment }) + "\\n");
process.exit(existsSync(__dirname + "/fail-" + words[0]) ? 1 : 0);
`;

export async function makeTerraformProject(): Promise<TerraformProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "stacks-")));
  const [bin, cache] = [join(folder, "bin"), join(folder, "cache")];
  for (const each of [bin, join(folder, "stacks"), join(cache, "redis-lab/images")]) await mkdir(each, { recursive: true });
  await writeFile(join(bin, "npx"), NPX);
  await chmod(join(bin, "npx"), 0o755);
  // Whatever the project around it is.
  await writeFile(join(bin, "package.json"), JSON.stringify({ type: "commonjs" }));
  const blank = join(folder, "blank.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", blank, "8M"]);
  const sha256 = createHash("sha256")
    .update(await readFile(blank))
    .digest("hex");
  // What preflight would do.
  await copyFile(blank, join(cache, "redis-lab/images", `${sha256}.qcow2`));

  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`, XDG_CACHE_HOME: cache };
  const terraform: TerraformProject["terraform"] = (lab, ...args) =>
    tryRun(terraformBinary(), [`-chdir=${join(folder, "cdktf.out/stacks", lab)}`, ...args], { env });
  const ok: TerraformProject["ok"] = async (lab, ...args) => {
    const { code, stdout, stderr } = await terraform(lab, ...args);
    if (code !== 0) throw new Error(`terraform ${args.join(" ")} of ${lab} ended with ${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  return {
    folder,
    image: { location: blank, sha256, user: "debian", osFamily: "debian" },
    async synth(...labs) {
      const text = labs.map((lab) => `export const ${lab.name} = defineLab(${JSON.stringify(lab)});\n`).join("");
      await writeFile(join(folder, "stacks/labs.mjs"), `import { defineLab } from "redis-lab";\n${text}`);
      await run("env", ["-C", folder, process.execPath, MAIN], { env });
      for (const { name } of labs) await ok(name, "init", "-input=false", "-no-color");
    },
    async synthExample(example, lab, labsFile) {
      await cp(join(ROOT, "examples", example), folder, { recursive: true });
      const labs = join(folder, "stacks/labs.ts");
      await writeFile(labs, labsFile(await readFile(labs, "utf8")));
      await mkdir(join(folder, "node_modules"));
      await symlink(ROOT, join(folder, "node_modules/redis-lab"));
      for (const name of ["cdktf", "constructs"]) await symlink(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
      await run("env", ["-C", folder, join(ROOT, "node_modules/.bin/jiti"), "stacks/main.ts"], { env });
      await ok(lab, "init", "-input=false", "-no-color");
    },
    terraform,
    ok,
    async plan(lab) {
      await ok(lab, "plan", "-input=false", "-out=plan");
      const { resource_changes: changes = [] } = JSON.parse(await ok(lab, "show", "-json", "plan"));
      return (changes as readonly { address: string; change: { actions: readonly string[] } }[])
        .filter(({ change }) => change.actions.join() !== "no-op")
        .map(({ address, change }) => `${change.actions.join("+")} ${address.replace(/_[0-9A-F]{8}(?=$|\[)/, "")}`)
        .sort((a, b) => a.localeCompare(b));
    },
    async calls() {
      const file = join(bin, "calls");
      await appendFile(file, "");
      const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
      await rm(file);
      return lines.map((line) => JSON.parse(line) as Call);
    },
    async warnings(lab) {
      const { stacks } = JSON.parse(await readFile(join(folder, "cdktf.out/manifest.json"), "utf8"));
      return (stacks[lab].annotations as readonly { readonly level: string; readonly message: string }[])
        .filter(({ level }) => level === "@cdktf/warn")
        .map(({ message }) => message);
    },
    redisLab: (...args) => tryRun("env", ["-C", folder, process.execPath, CLI, ...args], { env }),
    fail: (verb, fails) => (fails ? writeFile(join(bin, `fail-${verb}`), "") : rm(join(bin, `fail-${verb}`), { force: true })),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
