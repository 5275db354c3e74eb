import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { LabInput } from "../../../lib/lab/schema.ts";
import type { Status } from "../../../lib/operations/status.ts";
import { run, tryRun } from "../../support/command.ts";
import { terraformBinary, worldContext } from "../rig/rig.ts";

const UNATTENDED = ["--auto-approve", "--skip-provider-lock", "--terraform-parallelism", "4"];
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
  readonly seconds: number;
}

/**
 * The cache folder that all test files of one run share, so that Redis is compiled once. It ends with the world, unless REDIS_LAB_TEST_CACHE names one that is kept, which
 * saves the compile while one works on the tests.
 */
function sharedCache(): string {
  return process.env["REDIS_LAB_TEST_CACHE"] ?? join(worldContext().state, "cache");
}

/** A user's own project, as `redis-lab init` makes it, with this checkout as its redis-lab and with cdktf, Terraform and libvirt as they are. */
export class VmProject {
  readonly folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#environment = environment;
  }

  static async create(...labs: readonly LabInput[]): Promise<VmProject> {
    const folder = join(await realpath(await mkdtemp(join(tmpdir(), "project-"))), "labs");
    await run(process.execPath, [join(ROOT, "dist/lib/cli/main.js"), "init", folder]);
    await linkModules(join(folder, "node_modules"));
    // Without what vitest tells its workers, and what the rig tells the tests.
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$|FORCE_COLOR$|REDIS_LAB_)/.test(name)),
    );
    const project = new VmProject(folder, {
      ...environment,
      NO_COLOR: "1",
      SSH_AUTH_SOCK: "",
      XDG_CACHE_HOME: sharedCache(),
      PATH: `${join(folder, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    });
    await project.declare(...labs);
    return project;
  }

  /** Writes the labs file. */
  async declare(...labs: readonly LabInput[]): Promise<void> {
    const text = labs.map((lab) => `export const ${lab.name} = defineLab(${JSON.stringify(lab, null, 2)});\n`).join("\n");
    await writeFile(join(this.folder, "stacks/labs.ts"), `import { defineLab } from "redis-lab";\n\n${text}`);
  }

  /** `cdktf deploy LAB`, as one types it, but for what keeps it from asking a registry or the terminal. */
  tryDeploy(lab: string): Promise<Ended> {
    return this.#start("cdktf", ["deploy", lab, ...UNATTENDED]);
  }

  /** A deploy that must succeed. */
  async deploy(lab: string): Promise<Ended> {
    return succeeded(`cdktf deploy ${lab}`, await this.tryDeploy(lab));
  }

  async destroy(lab: string): Promise<Ended> {
    return succeeded(`cdktf destroy ${lab}`, await this.#start("cdktf", ["destroy", lab, ...UNATTENDED]));
  }

  /** What a deploy would do, without doing it: `ACTIONS ADDRESS` of each resource that changes, addresses without their hash. */
  async plan(lab: string): Promise<readonly string[]> {
    succeeded("cdktf synth", await this.#start("cdktf", ["synth"]));
    const terraform = (...args: readonly string[]) =>
      run(terraformBinary(), [`-chdir=${join(this.folder, "cdktf.out/stacks", lab)}`, ...args], { env: this.#environment });
    await terraform("init", "-input=false");
    await terraform("plan", "-input=false", "-out=plan");
    const { resource_changes: changes = [] } = JSON.parse(await terraform("show", "-json", "plan"));
    return (changes as readonly { address: string; change: { actions: readonly string[] } }[])
      .filter(({ change }) => change.actions.join() !== "no-op")
      .map(({ address, change }) => `${change.actions.join("+")} ${address.replace(/_[0-9A-F]{8}(?=$|\[)/, "")}`)
      .sort((a, b) => a.localeCompare(b));
  }

  /** `npx redis-lab VERB LAB …`. */
  tryRedisLab(verb: string, lab: string, ...words: readonly string[]): Promise<Ended> {
    return this.#start("npx", ["--no-install", "redis-lab", verb, lab, ...words]);
  }

  /** One that must succeed. */
  async redisLab(verb: string, lab: string, ...words: readonly string[]): Promise<Ended> {
    return succeeded(`redis-lab ${verb} ${lab}`, await this.tryRedisLab(verb, lab, ...words));
  }

  async status(lab: string): Promise<Status> {
    const { stdout, output } = await this.tryRedisLab("status", lab, "--json");
    try {
      return JSON.parse(stdout) as Status;
    } catch {
      throw new Error(`status of ${lab} said:\n${output}`);
    }
  }

  /** A shell command on a host, by `redis-lab ssh`, as the login user. A failure is an error. Returns stdout. */
  async ssh(lab: string, host: string, command: string): Promise<string> {
    return (await this.redisLab("ssh", lab, host, "--", command)).stdout;
  }

  async password(lab: string): Promise<string> {
    const { password } = JSON.parse(await readFile(join(this.folder, ".redis-lab", lab, "secrets.json"), "utf8")) as { password: string };
    return password;
  }

  /** Files of the project that hold a text; those of the folder where secrets belong are not asked. */
  async filesWith(text: string): Promise<readonly string[]> {
    const found = await tryRun("grep", ["-rlF", "--exclude-dir=.redis-lab", "--exclude-dir=node_modules", "--", text, this.folder]);
    return found.stdout.split("\n").filter(Boolean);
  }

  async remove(): Promise<void> {
    await rm(dirname(this.folder), { recursive: true, force: true });
  }

  #start(program: string, args: readonly string[]): Promise<Ended> {
    return ended(spawn(program, args, { cwd: this.folder, env: this.#environment, stdio: ["ignore", "pipe", "pipe"] }));
  }
}

/** What `npm install` would put there: the packages of this checkout, and the checkout itself as redis-lab. */
async function linkModules(modules: string): Promise<void> {
  await mkdir(modules);
  const ours = join(ROOT, "node_modules");
  for (const name of await readdir(ours)) await symlink(join(ours, name), join(modules, name));
  await symlink(ROOT, join(modules, "redis-lab"));
}

function succeeded(what: string, result: Ended): Ended {
  if (result.code !== 0) throw new Error(`${what} ended with ${result.code}:\n${result.output}`);
  return result;
}

function ended(child: ChildProcess): Promise<Ended> {
  const begin = performance.now();
  const texts = { stdout: "", stderr: "", output: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.on("data", (chunk: Buffer) => {
      const text = stripVTControlCharacters(chunk.toString());
      texts[name] += text;
      texts.output += text;
    });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 137, ...texts, seconds: (performance.now() - begin) / 1000 }));
  });
}
