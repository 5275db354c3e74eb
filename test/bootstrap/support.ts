import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LabEvent } from "../../lib/base/events.ts";
import type { Attempt } from "../../lib/base/wait.ts";
import { planBuilds } from "../../lib/bootstrap/build.ts";
import { observeHost } from "../../lib/bootstrap/observe.ts";
import type { HostPlan } from "../../lib/bootstrap/plan.ts";
import { planHost } from "../../lib/bootstrap/plan-host.ts";
import { applyHosts, type HostOutcome, type RunnerOptions, wantedBuild } from "../../lib/bootstrap/runner.ts";
import { type ResolvedSource, resolveSource } from "../../lib/bootstrap/source.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { type PlacedInstance, type Placement, placeLab } from "../../lib/lab/placement.ts";
import type { Lab, LabInput } from "../../lib/lab/schema.ts";
import type { Secrets } from "../../lib/lab/secrets.ts";
import { nextAddress, redisBin } from "../support/redis.ts";

const run = promisify(execFile);

export const SECRETS: Secrets = { password: "a-password-for-tests-1", generation: "cafe0123" };

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "redis-lab-bootstrap-"));
}

/**
 * A source tarball of a minimal tree of our own: its Makefile takes `recipe` instead of a compiler. By default it copies the real redis-server of these tests, so
 * that what is installed is a Redis without a compile in every test.
 */
export async function makeSource(
  folder: string,
  version: string,
  recipe = `cp ${redisBin()}/redis-server ${redisBin()}/redis-cli .`,
): Promise<{ readonly path: string; readonly sha256: string }> {
  const tree = join(folder, `redis-${version}`);
  await mkdir(join(tree, "src"), { recursive: true });
  await writeFile(join(tree, "src", "version.h"), `#define REDIS_VERSION "${version}"\n`);
  await writeFile(join(tree, "src", "Makefile"), `all:\n\t@echo CC server.o\n\t${recipe}\n`);
  const path = join(folder, `redis-${version}.tar.gz`);
  await run("tar", ["-czf", path, "-C", folder, `redis-${version}`]);
  await rm(tree, { recursive: true });
  return {
    path,
    sha256: createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  };
}

export async function realVersion(): Promise<string> {
  const { stdout } = await run(join(redisBin(), "redis-server"), ["--version"]);
  return /v=(\S+)/.exec(stdout)?.[1] ?? "";
}

/** A cluster lab of three hosts on a loopback network of its own. */
export async function makeLab(folder: string, change: Partial<LabInput> = {}, redis: Partial<Lab["redis"]> = {}): Promise<Lab> {
  const version = redis.version ?? (await realVersion());
  const source = redis.source ?? { kind: "file" as const, ...(await makeSource(folder, version)) };
  const network = nextAddress().split(".").slice(0, 3).join(".");
  return defineLab({
    name: "boot",
    network: { cidr: "192.168.1.0/24", loopback: `${network}.0/24` },
    hosts: [
      { name: "redis-18", address: `192.168.1.${hostNumber()}` },
      { name: "redis-28", address: `192.168.1.${hostNumber()}` },
      { name: "redis-38", address: `192.168.1.${hostNumber()}` },
    ],
    layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"] },
    ...change,
    redis: { version, ...redis, source, settings: { maxclients: 100, ...redis.settings } },
  });
}

let numbers = 100;
function hostNumber(): number {
  numbers += 1;
  return numbers;
}

/** A lab as one run of `up` sees it, without the layout. */
export class Bootstrap {
  readonly folder: string;
  lab: Lab;
  readonly events: LabEvent[] = [];

  constructor(folder: string, lab: Lab) {
    this.folder = folder;
    this.lab = lab;
  }

  get placement(): Placement {
    return placeLab(this.lab, { target: "local", hostsFolder: join(this.folder, "hosts") });
  }

  get cacheFolder(): string {
    return join(this.folder, "cache");
  }

  source(): Promise<ResolvedSource> {
    return resolveSource(this.lab, {
      capabilities: { distributionFallback: false },
      cacheFolder: this.cacheFolder,
      emit: (event) => this.events.push(event),
    });
  }

  async observe() {
    const { placement } = this;
    return Promise.all(
      placement.hosts.map(async (host) => {
        const connection = openLocalConnection(host.name);
        return { host, connection, facts: await observeHost(connection, placement, host) };
      }),
    );
  }

  async plan() {
    const { placement } = this;
    const source = await this.source();
    const seen = await this.observe();
    const builds = await planBuilds(
      seen.map(({ facts }) => facts),
      placement,
      source,
      this.cacheFolder,
    );
    const tasks = seen.map((task) => ({
      ...task,
      plan: planHost(task.facts, {
        placement,
        host: task.host,
        secrets: SECRETS,
        build: wantedBuild(task.host.name, builds, source.version),
      }),
    }));
    return { placement, source, builds, tasks };
  }

  async up(
    options: Partial<RunnerOptions> = {},
  ): Promise<{ readonly plans: readonly HostPlan[]; readonly outcomes: readonly HostOutcome[] }> {
    const { placement, source, builds, tasks } = await this.plan();
    const outcomes = await applyHosts(tasks, {
      placement,
      secrets: SECRETS,
      source,
      builds,
      cacheFolder: this.cacheFolder,
      emit: (event) => this.events.push(event),
      ready: answers,
      ...options,
    });
    return { plans: tasks.map(({ plan }) => plan), outcomes };
  }

  /** Ends whatever runs of this lab, by the proven process alone, and removes its folder. */
  async clean(): Promise<void> {
    for (const { facts } of await this.observe()) {
      for (const { process: found } of facts.instances.values()) if (found !== undefined) process.kill(found.pid, "SIGKILL");
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** One look whether an instance answers INFO with `loading:0`, in plain RESP. */
export function answers(instance: PlacedInstance): Promise<Attempt<unknown>> {
  return new Promise((resolve) => {
    const socket = connect({ host: instance.address, port: instance.port });
    let text = "";
    socket.setTimeout(2_000, () => socket.destroy(new Error("no answer")));
    socket.once("connect", () => socket.write(`AUTH ${SECRETS.password}\r\nINFO\r\n`));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes("loading:0")) return;
      socket.destroy();
      resolve({ done: true, value: undefined });
    });
    socket.once("error", (error) => resolve({ done: false, missing: error.message }));
    // One that ends is closed without an error.
    socket.once("close", () => resolve({ done: false, missing: "an answer" }));
  });
}
