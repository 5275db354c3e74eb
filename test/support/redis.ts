import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../lib/base/wait.ts";
import { nextAddress } from "./addresses.ts";

export { nextAddress };

/** Folder with the redis-server to test against: REDIS_LAB_TEST_BIN. The global set-up of the tests sets it to the build that `npm start` uses. */
export function redisBin(): string {
  const bin = process.env["REDIS_LAB_TEST_BIN"];
  if (bin === undefined)
    throw new Error("REDIS_LAB_TEST_BIN is not set: run the tests with vitest and its global set-up, or name a folder with a redis-server");
  return bin;
}

let version: string | undefined;

/** The version that the tests run against, `7.0.15`. */
export function testedVersion(): string {
  version ??= /v=(\S+)/.exec(execFileSync(join(redisBin(), "redis-server"), ["--version"], { encoding: "utf8" }))?.[1] ?? "";
  return version;
}

export interface TestServer {
  readonly address: string;
  readonly port: number;
  readonly folder: string;
  readonly configFile: string;
  readonly process: ChildProcess;
  /** SIGTERM and wait, by default; the folder is removed unless `keep`. */
  stop(options?: { readonly signal?: NodeJS.Signals; readonly keep?: boolean }): Promise<void>;
}

/** Starts one real redis-server (or sentinel) in a folder of its own and waits until its port is open. */
export async function startServer(
  options: {
    readonly address?: string;
    readonly port?: number;
    readonly config?: string;
    readonly sentinel?: boolean;
    readonly folder?: string;
    readonly bin?: string;
  } = {},
): Promise<TestServer> {
  const address = options.address ?? nextAddress();
  const port = options.port ?? (options.sentinel ? 26379 : 6379);
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "redis-lab-test-")));
  const configFile = join(folder, `${options.sentinel ? "sentinel" : "redis"}-${port}.conf`);
  const common = [`bind ${address}`, `port ${port}`, `dir ${folder}`, "daemonize no"];
  await writeFile(configFile, `${[...common, ...(options.sentinel ? [] : ['save ""']), options.config ?? ""].join("\n")}\n`);
  const child = spawn(join(options.bin ?? redisBin(), "redis-server"), [configFile, ...(options.sentinel ? ["--sentinel"] : [])], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}:\n${output}`);
      return (await isOpen(address, port)) ? { done: true, value: undefined } : { done: false, missing: `port ${port} of ${address}` };
    },
    { what: "redis-server to listen", timeoutMs: 60_000, intervalMs: 20 },
  );
  return {
    address,
    port,
    folder,
    configFile,
    process: child,
    async stop({ signal = "SIGTERM", keep = false } = {}) {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill(signal);
        await ended;
      }
      // A child that saves may outlive its parent for a moment, and write there.
      if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function isOpen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
