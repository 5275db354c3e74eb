import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabInput } from "../../../lib/lab/schema.ts";
import type { LabPlan } from "../../../lib/operations/plan.ts";
import type { Status } from "../../../lib/operations/status.ts";
import type { UpReport } from "../../../lib/operations/up.ts";
import { assertDocuments } from "../../support/documents.ts";
import { worldContext } from "../rig/world.ts";

const MAIN = fileURLToPath(new URL("../../../dist/lib/cli/main.js", import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
  readonly seconds: number;
}

export interface CliOptions {
  readonly input?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** @default the folder of the project */
  readonly folder?: string;
  /** Told each line of progress as it comes. */
  readonly onLine?: (line: string, cli: RunningCli) => void;
}

/** A command that runs. */
export interface RunningCli {
  /** Everything at once and without a goodbye. */
  kill(signal?: NodeJS.Signals): void;
  readonly pid: number;
  readonly ended: Promise<CliResult>;
}

/**
 * The cache folder that all test files of one run share, so that each Redis is compiled once. It ends with the machines' world, unless REDIS_LAB_TEST_CACHE names one
 * that is kept, which saves the compiles while one works on the tests.
 */
export function sharedCache(): string {
  return process.env["REDIS_LAB_TEST_CACHE"] ?? join(worldContext().state, "cache");
}

/** A user's project in a folder of its own: a labs file, what redis-lab remembers beside it, and the compiled command line. */
export class TestProject {
  readonly folder: string;
  readonly cache: string;
  #lab = "";

  private constructor(folder: string, cache: string) {
    this.folder = folder;
    this.cache = cache;
  }

  /** @param cache see XDG_CACHE_HOME. @default sharedCache() */
  static async create(lab: LabInput, cache = sharedCache()): Promise<TestProject> {
    const project = new TestProject(await mkdtemp(join(tmpdir(), "redis-lab-project-")), cache);
    await mkdir(cache, { recursive: true });
    await project.declare(lab);
    return project;
  }

  /** Writes the labs file; the lab is the one that later commands are about. */
  async declare(lab: LabInput): Promise<void> {
    this.#lab = lab.name;
    const text = `import { defineLab } from "redis-lab";\n\nexport const lab = defineLab(${JSON.stringify(lab, null, 2)});\n`;
    await writeFile(join(this.folder, "labs.ts"), text);
  }

  /** `redis-lab VERB LAB --target ssh …`, in the project's folder and without a terminal. Fails where a document of `--json` is not as its schema says. @param verb for example `up` or `cluster backup` */
  async run(verb: string, words: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
    const result = await this.start(verb, words, options).ended;
    assertDocuments([...verb.split(" "), this.#lab, ...words], result);
    return result;
  }

  start(verb: string, words: readonly string[] = [], options: CliOptions = {}): RunningCli {
    // Before the lab: what follows the host of `ssh` and `cli` is the command to run there.
    const folder = options.folder ?? this.folder;
    const args = [MAIN, ...verb.split(" "), "--target", "ssh", "--labs", join(folder, "labs.ts"), this.#lab, ...words];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", SSH_AUTH_SOCK: "", XDG_CACHE_HOME: this.cache, ...options.environment },
    });
    const kill = (signal: NodeJS.Signals = "SIGKILL") => void child.kill(signal);
    const running: RunningCli = { kill, pid: child.pid ?? 0, ended: collect(child, (line) => options.onLine?.(line, running)) };
    child.stdin.end(options.input ?? "");
    return running;
  }

  /** An `up` that must succeed, with its report. */
  async up(words: readonly string[] = []): Promise<UpReport & { readonly seconds: number }> {
    const result = await this.run("up", ["--json", ...words]);
    if (result.code !== 0) throw new Error(`up ended with ${result.code}:\n${result.output}`);
    return { ...(JSON.parse(result.stdout) as UpReport), seconds: result.seconds };
  }

  async plan(): Promise<LabPlan> {
    return JSON.parse((await this.run("plan", ["--json"])).stdout) as LabPlan;
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.run("status", ["--json"])).stdout) as Status;
  }

  /** The reply of one command to one instance, as `redis-lab cli` prints it. */
  async redis(instance: string, ...words: readonly string[]): Promise<string> {
    const result = await this.run("cli", [instance, ...words]);
    return `${result.stdout}${result.stderr}`.trimEnd();
  }

  /** Gives what was compiled here to the tests that come later. */
  async shareCache(): Promise<void> {
    if (this.cache !== sharedCache()) await cp(this.cache, sharedCache(), { recursive: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

function collect(child: ChildProcess, onLine: (line: string) => void): Promise<CliResult> {
  const begin = performance.now();
  const texts = { stdout: "", stderr: "", output: "" };
  let rest = "";
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk: Buffer) => {
      texts[name] += chunk.toString();
      texts.output += chunk.toString();
      if (name !== "stderr") return;
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    });
  }
  child.stdin?.on("error", () => {
    // It ended without reading its input; its exit code says more.
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 137, ...texts, seconds: (performance.now() - begin) / 1000 }));
  });
}
