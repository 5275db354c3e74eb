import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Rig, SEVEN } from "../../test/machines/rig/rig.ts";
import type { TestSource } from "../../test/support/sources.ts";

export interface Outcome {
  readonly seconds: number;
  /** Changes that the tool itself counted. */
  readonly changed: number;
  readonly output: string;
}

/** A tool that brings the cluster up on the machines. */
export interface Contender {
  readonly name: string;
  /** Forgets the hosts, as after a reset; what was compiled is kept. */
  forget(): Promise<void>;
  up(): Promise<Outcome>;
}

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = join(here, "..", "..");

const REPLICA_OF: Readonly<Record<string, string>> = { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" };
const MASTERS = ["redis-18", "redis-28", "redis-38"];
const SPARE = "redis-78";

export function ansible(rig: Rig, source: TestSource, folder: string): Contender {
  const inventory = join(folder, "inventory.json");
  const password = randomBytes(24).toString("base64url");
  const endpoint = (name: string) => `${rig.machine(name).address}:6379`;
  const hosts = Object.fromEntries(
    SEVEN.map((name) => {
      const first = { port: 6379, unit: "redis", conf: "redis.conf" };
      const second = { port: 6380, unit: "redis-6380", conf: "redis-6380.conf" };
      const master = REPLICA_OF[name];
      const variables = {
        ansible_host: rig.machine(name).address,
        address: rig.machine(name).address,
        instances: name === SPARE ? [first, second] : [first],
        member: name !== SPARE,
        replica_of: master === undefined ? "" : endpoint(master),
      };
      return [name, variables];
    }),
  );
  const vars = {
    ansible_user: "root",
    ansible_ssh_private_key_file: rig.keyFile,
    redis_version: source.version,
    source: source.path,
    source_sha256: source.sha256,
    make_flags: source.makeFlags.join(" "),
    cache: join(folder, "artifacts"),
    password,
    masters: MASTERS.map(endpoint),
    members: SEVEN.length - 1,
    hosts_block: SEVEN.map((name) => `${rig.machine(name).address} ${name}`).join("\n"),
  };
  const forget = async () => {
    // Kept connections lead to machines that are gone.
    await rm(join(folder, "control"), { recursive: true, force: true });
    await mkdir(join(folder, "control"), { recursive: true });
    await mkdir(join(folder, "artifacts"), { recursive: true });
    await writeFile(inventory, JSON.stringify({ redis: { hosts, vars } }), { mode: 0o600 });
  };
  return {
    name: "ansible",
    forget,
    async up() {
      const { seconds, output } = await timed("ansible-playbook", ["-i", inventory, "site.yml"], join(here, "ansible"), {
        ANSIBLE_SSH_CONTROL_PATH_DIR: join(folder, "control"),
      });
      const changed = [...output.matchAll(/\bchanged=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
      return { seconds, changed, output };
    },
  };
}

export function redisLab(rig: Rig, source: TestSource, folder: string): Contender {
  const project = join(folder, "project");
  return {
    name: "redis-lab",
    async forget() {
      await rm(project, { recursive: true, force: true });
      await mkdir(project, { recursive: true });
      await cp(join(here, "labs.ts"), join(project, "labs.ts"));
    },
    async up() {
      const main = join(repository, "dist", "lib", "cli", "main.js");
      const args = [main, "up", "cluster", "--target", "ssh", "--labs", join(project, "labs.ts")];
      const { seconds, output } = await timed(process.execPath, args, project, {
        XDG_CACHE_HOME: join(folder, "cache"),
        BENCH_KEY: rig.keyFile,
        BENCH_VERSION: source.version,
        BENCH_SOURCE: source.path,
        BENCH_SHA256: source.sha256,
        BENCH_MAKE_FLAGS: source.makeFlags.join(" "),
      });
      const changed = /(\d+) changed/.exec(output)?.[1];
      if (changed === undefined) throw new Error(`redis-lab did not say what it changed:\n${output}`);
      return { seconds, changed: Number(changed), output };
    },
  };
}

async function timed(
  program: string,
  args: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv,
): Promise<{ seconds: number; output: string }> {
  const begin = performance.now();
  let output = "";
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    // Not "close": ssh's kept connection outlives Ansible and holds on to the pipes.
    child.on("exit", resolve);
  });
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output.slice(-4000)}`);
  return { seconds, output };
}
