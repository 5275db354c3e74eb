import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keptOf, runInTerminal, runProgram, startProgram } from "../../lib/base/process.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { root } from "../support/source-files.ts";

const environment = process.env;
/** A time-out before which a shell has begun and said so, also on a busy computer. */
const LONG_ENOUGH_MS = 3_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-process-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sh = (script: string, options: Partial<Parameters<typeof runProgram>[2]> = {}) =>
  runProgram("sh", ["-c", script], { environment, ...options });

describe("a program that runs to its end", () => {
  test("gives both outputs, its exit code or the signal that ended it", async () => {
    expect(await sh("echo out; echo err >&2; exit 7")).toEqual({
      exitCode: 7,
      signal: undefined,
      timedOut: false,
      failure: undefined,
      stdout: "out\n",
      stderr: "err\n",
      tooLong: false,
    });
    expect(await sh("kill -KILL $$")).toMatchObject({ exitCode: null, signal: "SIGKILL" });
  });

  test("gets its input with an end behind it, reads it or not, and the working folder", async () => {
    expect(await sh("cat")).toMatchObject({ stdout: "" });
    expect(await sh("cat", { input: "abc" })).toMatchObject({ stdout: "abc" });
    expect(await sh("exit 0", { input: Buffer.alloc(3_000_000) })).toMatchObject({ exitCode: 0 });
    expect(await sh("pwd -P", { cwd: "/" })).toMatchObject({ stdout: "/\n" });
  });

  test("gets the environment that it is given, and no more", async () => {
    expect(keptOf({ PATH: "/bin", SECRET: "x" }, ["PATH", "HOME"])).toEqual({ PATH: "/bin" });
    const { stdout } = await sh("env", { environment: { PATH: environment["PATH"], WORD: "1" } });
    expect(stdout).toContain("WORD=1\n");
    expect(stdout).not.toContain("HOME=");
  });

  test("is stopped when it writes without end, and what is kept has a limit", async () => {
    const run = await sh("yes", { longestOutput: 10_000 });
    expect(run).toMatchObject({ tooLong: true, stdout: "y\n".repeat(5_000) });
    expect(run.exitCode).toBeNull();
  });
});

describe("the end of a program that does not end by itself", () => {
  test("comes at its time-out, with its children, even unwilling ones", async () => {
    const run = await sh("trap '' TERM; sleep 300 & echo $!; wait; wait; sleep 300", { timeoutMs: LONG_ENOUGH_MS, graceMs: 300 });
    expect(run).toMatchObject({ exitCode: null, timedOut: true });
    await gone(Number(run.stdout));
  });

  test("leaves no child that ignores it, also where that one holds none of the outputs", async () => {
    const file = join(folder, "child");
    const script = `(trap "" TERM; exec >/dev/null 2>&1; echo $$ >/dev/null; sh -c 'trap "" TERM; echo $$ > ${file}; sleep 60' &) ; sleep 60`;
    const running = startProgram("sh", ["-c", script], { environment, onStdout: () => {}, onStderr: () => {} });
    await waitFor(
      async () =>
        (await readFile(file, "utf8").catch(() => "")).trim() === ""
          ? { done: false, missing: "the child" }
          : { done: true, value: undefined },
      { what: "the child to run", timeoutMs: 60_000 },
    );
    await running.stop();
    const pid = (await readFile(file, "utf8")).trim();
    await waitFor(
      async () => {
        const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
        return state === "" || /\) Z /.test(state) ? { done: true, value: undefined } : { done: false, missing: state };
      },
      { what: "the child to end", timeoutMs: 60_000 },
    );
  });

  test("does not wait for a daemon that holds the output", async () => {
    const run = await sh("setsid sleep 300 & echo $!", { timeoutMs: LONG_ENOUGH_MS, graceMs: 200 });
    expect(run.timedOut).toBe(true);
    const pid = Number(run.stdout);
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
  });

  test("comes with the caller's abort, which is also heard when it came first", async () => {
    const abort = new AbortController();
    let text = "";
    const child = startProgram("sh", ["-c", "echo $$; exec sleep 300"], {
      environment,
      signal: abort.signal,
      onStdout: (chunk) => {
        text += chunk.toString();
        abort.abort(new Error("enough"));
      },
    });
    expect(await child.ended).toMatchObject({ exitCode: null, signal: "SIGTERM", timedOut: false });
    await gone(Number(text));
    expect(await startProgram("sleep", ["300"], { environment, signal: abort.signal }).ended).toMatchObject({ signal: "SIGTERM" });
    await expect(sh("true", { signal: abort.signal })).rejects.toThrow("enough");
  });

  test("is asked for once, however often", async () => {
    const child = startProgram("cat", [], { environment, input: { open: true } });
    await Promise.all([child.stop(), child.stop()]);
    expect(await child.ended).toMatchObject({ signal: "SIGTERM" });
    await child.stop();
  });

  test("can be asked for by the end of its descriptor 3", async () => {
    const child = startProgram("sh", ["-c", "cat <&3; exit 5"], { environment, stopBy: "descriptor-3", graceMs: 60_000 });
    await child.stop();
    expect(await child.ended).toMatchObject({ exitCode: 5, signal: undefined });
    // One that ends by itself does not wait for our end of it.
    expect(await startProgram("true", [], { environment, stopBy: "descriptor-3" }).ended).toMatchObject({ exitCode: 0 });
    const deaf = startProgram("sleep", ["300"], { environment, stopBy: "descriptor-3", graceMs: 100 });
    await deaf.stop();
    expect(await deaf.ended).toMatchObject({ signal: "SIGKILL" });
  });

  test("comes when this process ends in an orderly way", async () => {
    const script = join(folder, "leaves.ts");
    await writeFile(
      script,
      `import { startProgram } from ${JSON.stringify(join(root, "lib/base/process.ts"))};
       let seen = "";
       startProgram("sh", ["-c", "sleep 300 & echo $!; wait"], { environment: process.env, onStdout: (chunk) => {
         seen += chunk;
         process.stdout.write(seen, () => process.exit(0));
       } });`,
    );
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", "jiti/register", script], { cwd: root, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    await gone(Number(stdout));
  });
});

describe("why a program could not be started", () => {
  const failureOf = async (program: string, options: Partial<Parameters<typeof runProgram>[2]> = {}) => {
    const { failure, exitCode } = await runProgram(program, [], { environment, ...options });
    expect(exitCode).toBeNull();
    return { reason: failure?.reason, text: failure?.text };
  };

  test("there is none of that name", async () => {
    expect(await failureOf("no-such-program")).toEqual({ reason: "absent", text: "there is no program no-such-program on the PATH" });
    expect(await failureOf("/no/such/program")).toEqual({ reason: "absent", text: "there is no program /no/such/program" });
  });

  test("it may not be executed", async () => {
    const path = join(folder, "plain");
    await writeFile(path, "#!/bin/sh\n", { mode: 0o644 });
    const barred = { reason: "not-executable", text: `${path} cannot be executed: permission denied` };
    expect(await failureOf(path)).toEqual(barred);
    expect(await failureOf("plain", { environment: { PATH: `/nowhere:${folder}` } })).toEqual(barred);
  });

  test("its interpreter or the working folder does not exist", async () => {
    const path = join(folder, "orphan");
    await writeFile(path, "#!/no/such/interpreter\n");
    await chmod(path, 0o755);
    expect(await failureOf(path)).toEqual({
      reason: "not-executable",
      text: `${path} cannot be executed: the interpreter that its first line names does not exist`,
    });
    expect(await failureOf("sh", { cwd: "/no/such/folder" })).toEqual({
      reason: "other",
      text: "there is no folder /no/such/folder to start sh in",
    });
    expect(await failureOf("sh", { cwd: path })).toMatchObject({ reason: "other", text: expect.stringContaining("ENOTDIR") });
  });

  test("a program in the terminal gives the same reasons", async () => {
    expect(await runInTerminal("sh", ["-c", "exit 3"], { environment })).toBe(3);
    expect(await runInTerminal("no-such-program", [], { environment })).toMatchObject({ reason: "absent" });
    expect(await runInTerminal("sh", [], { environment, cwd: "/no/such/folder" })).toMatchObject({ reason: "other" });
  });

  test("a folder of the PATH that cannot be read hides no reason and no program", async () => {
    const closed = join(folder, "closed");
    await mkdir(closed);
    await chmod(folder, 0o755);
    await chmod(closed, 0o000);
    const { PATH } = environment;
    // Root gets into every folder, so a user without rights is taken for as long as this lasts.
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.("nobody");
    try {
      const options = { environment: { PATH: `${closed}:${PATH}` } };
      const { failure } = await runProgram("no-such-program", [], options);
      expect(failure).toMatchObject({
        reason: "not-executable",
        text: `no folder of the PATH that can be searched has no-such-program, and ${closed} can't be: permission denied`,
        cause: { code: "EACCES" },
      });
      expect(await runProgram("true", [], options)).toMatchObject({ exitCode: 0, failure: undefined });
    } finally {
      if (root) process.seteuid?.(0);
      await chmod(closed, 0o700);
    }
  });
});

async function gone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  await waitFor(
    async () => {
      const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return state === "" || /\) Z /.test(state) ? { done: true, value: undefined } : { done: false, missing: `end of ${state}` };
    },
    { what: `process ${pid} to end`, timeoutMs: 60_000, intervalMs: 50 },
  );
}
